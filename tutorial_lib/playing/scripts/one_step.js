// One step of each optimizer in numbers, computed in the page: what labs/paths computes in Python.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  const CAPTION = "What each optimizer makes of one gradient";
  const COLUMNS = ["optimizer", "weight before", "gradient", "memory after", "moved"];
  const GRADIENT = COLUMNS.indexOf("gradient");

  /**
   * Let every optimizer meet these gradients with one weight: name -> a record for each step.
   *
   * `weight` is that before the first step; `momentum` is also beta1 of adam and adamw, and
   * `weight_decay` is of adamw alone.
   */
  function stepsInNumbers(gradients, settings = {}) {
    const { weight = 1, learning_rate = 0.1, momentum = 0.9, weight_decay = 0.01 } = settings;
    const given = { learning_rate, momentum, weight_decay };
    const { table } = playing.optimizers;
    return Object.fromEntries(Object.keys(table).map((name) => [name, stepsOf(name, gradients, weight, given)]));
  }

  function stepsOf(name, gradients, weight, settings) {
    const { table, apply } = playing.optimizers;
    const symbols = [...table[name].memory];
    let memory = symbols.map(() => 0);
    return gradients.map((gradient, before) => {
      const step = before + 1;
      const [after, remembered] = apply(name, weight, gradient, memory, { ...settings, step });
      const record = {
        optimizer: name,
        step,
        weight,
        gradient,
        memory: symbols.map((symbol, place) => [symbol, remembered[place]]),
        moved: after - weight,
      };
      [weight, memory] = [after, remembered];
      return record;
    });
  }

  /** Return the last step of each optimizer, after so many earlier ones. */
  function lastSteps({ gradient, earlier, num_earlier, learning_rate, momentum }) {
    const gradients = [...Array(num_earlier).fill(earlier), gradient];
    const table = stepsInNumbers(gradients, { learning_rate, momentum });
    return Object.values(table).map((steps) => steps[steps.length - 1]);
  }

  /** Say how far each moves, as the panel of the notebook says it. */
  function sentence(steps) {
    const { general, signed } = playing.words;
    const moves = steps.map(({ optimizer, moved }) => `${optimizer} ${signed(general(moved, 4))}`);
    return `Step ${steps[0].step} moves the weight by: ${moves.join(", ")}.`;
  }

  /** Return the texts of one line of the table. */
  function line({ optimizer, weight, gradient, memory, moved }) {
    const { general, fixed, signed } = playing.words;
    const kept = memory.map(([symbol, value]) => `${symbol}\u00a0=\u00a0${general(value, 4)}`).join(", ");
    return [optimizer, fixed(weight, 4), general(gradient), kept || "none", signed(fixed(moved, 4))];
  }

  /* ---- The panel ---- */

  playing.panels.one_step = function (root, options = {}) {
    const { even, rates } = playing.stops;
    const first = { gradient: 0.5, earlier: 0.5, num_earlier: 0, learning_rate: 0.1, momentum: 0.9, ...options };
    const controls = {
      gradient: {
        label: "gradient now",
        tooltip: "The gradient of the step in the table.",
        values: even(-2, 2, 0.05, first.gradient),
      },
      earlier: {
        label: "before that",
        tooltip: "The gradient of the steps before it.",
        values: even(-2, 2, 0.05, first.earlier),
      },
      num_earlier: {
        label: "steps before",
        tooltip: "How many steps came before the one in the table.",
        values: even(0, 20, 1),
      },
      learning_rate: { label: "rate", tooltip: "Rate of all of them.", values: rates(-4, 0, first.learning_rate) },
      momentum: {
        label: "momentum",
        tooltip: playing.optimizers.momentumWords(),
        values: even(0, 0.99, 0.01, first.momentum),
      },
    };
    for (const [name, control] of Object.entries(controls)) control.value = first[name];
    const table = playing.table({ caption: CAPTION, columns: COLUMNS });
    table.element.style.flex = "1 1 260px";
    new ResizeObserver(() => fit(table.element)).observe(table.element);

    function draw(values) {
      const steps = lastSteps(values);
      table.rows(steps.map(line));
      table.element.querySelector("caption").textContent = `${CAPTION}, ${playing.words.general(values.gradient)}`;
      table.element.querySelectorAll("tbody th").forEach((head, place) => {
        const { role } = playing.optimizers.table[steps[place].optimizer];
        head.style.color = `var(--play-${role}-ink)`;
      });
      fit(table.element);
      return sentence(steps);
    }

    const rests = ({ num_earlier }) => (num_earlier ? {} : { earlier: "There are no steps before." });
    const note =
      "Computed in this page, by the rules of tutorial_lib.optimizers. In the notebook the table has what " +
      "torch.optim does, too.";
    playing.frame(root, { title: "One step in numbers", controls, pictures: [table], draw, rests, note });
  };

  /** Write a table smaller on a narrow page, and without the gradient, which its caption has. */
  function fit(element) {
    const isNarrow = element.clientWidth < 400;
    element.querySelector("table").style.fontSize = isNarrow ? "12px" : "";
    for (const cell of element.querySelectorAll("th, td")) {
      cell.style.paddingRight = isNarrow ? "3px" : "";
      cell.hidden = isNarrow && cell.cellIndex === GRADIENT;
    }
  }

  playing.one_step = { stepsInNumbers, lastSteps, sentence, line };
})();
