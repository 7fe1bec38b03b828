// Four losses and their slopes at one error, computed in the page: what labs/losses computes in Python.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  // Each returns the loss of a single element, and its slope; `error` is guess minus target.
  const LOSSES = {
    L1: (error) => [Math.abs(error), sign(error)],
    MSE: (error) => [error * error, 2 * error],
    SmoothL1(error, { beta }) {
      const size = Math.abs(error);
      if (size < beta) return [(0.5 * size * size) / beta, error / beta];
      return [size - 0.5 * beta, size > beta ? sign(error) : error / beta];
    },
    Huber(error, { delta }) {
      const size = Math.abs(error);
      if (size < delta) return [0.5 * size * size, error];
      return [delta * (size - 0.5 * delta), size >= delta ? delta * sign(error) : error];
    },
  };

  /** Return for each loss what it says to these errors: name -> [losses, slopes]. */
  function lossesAndSlopes(errors, { beta = 1, delta = 1 } = {}) {
    if (!(beta > 0)) throw new RangeError(`beta must be above 0; got ${beta}`);
    if (!(delta > 0)) throw new RangeError(`delta must be above 0; got ${delta}`);
    return Object.fromEntries(
      Object.entries(LOSSES).map(([name, loss]) => {
        const pairs = errors.map((error) => loss(error, { beta, delta }));
        return [name, [pairs.map((pair) => pair[0]), pairs.map((pair) => pair[1])]];
      }),
    );
  }

  /** Return -1, 0 or 1; of what is no number 0, as torch does. */
  function sign(value) {
    return Number(value > 0) - Number(value < 0);
  }

  /** Return what each loss says to one error: name -> [loss, slope]. */
  function marksAt(error, thresholds) {
    const found = Object.entries(lossesAndSlopes([error], thresholds));
    return Object.fromEntries(found.map(([name, [[loss], [slope]]]) => [name, [loss, slope]]));
  }

  /** Say what the losses say to one error, as the panel of the notebook says it. */
  function sentence({ error, beta, delta }) {
    const { general } = playing.words;
    const words = Object.entries(marksAt(error, { beta, delta })).map(
      ([name, [loss, slope]]) => `${name} ${general(loss, 3)}, slope ${general(slope, 3)}`,
    );
    return `At error ${general(error)}: ${words.join("; ")}.`;
  }

  /* ---- The panel ---- */

  const ERRORS = Array.from({ length: 301 }, (_, place) => (place - 150) / 50); // -3 to 3

  playing.panels.losses = function (root, options = {}) {
    const { even } = playing.stops;
    const first = { error: 2, beta: 1, delta: 2, ...options };
    const controls = {
      error: { label: "error", tooltip: "Guess minus target, of one element.", values: even(-3, 3, 0.05, first.error) },
      beta: {
        label: "beta",
        tooltip: "Threshold of SmoothL1: where near the target ends.",
        values: even(0.05, 3, 0.05, first.beta),
      },
      delta: {
        label: "delta",
        tooltip: "Threshold of Huber: where near the target ends.",
        values: even(0.05, 3, 0.05, first.delta),
      },
    };
    for (const [name, control] of Object.entries(controls)) control.value = first[name];
    const x = { label: "error e = guess - target", scale: "linear", from: -3, to: 3 };
    const charts = [
      playing.chart({ x, y: { label: "loss", scale: "linear", from: -0.4, to: 9.4 }, height: 306 }),
      playing.chart({ x, y: { label: "slope of the loss", scale: "linear", from: -6.5, to: 6.5 }, height: 306 }),
    ];

    for (const chart of charts) chart.element.style.flexBasis = "210px"; // side by side

    function draw({ error, beta, delta }) {
      const curves = lossesAndSlopes(ERRORS, { beta, delta });
      const marks = marksAt(error, { beta, delta });
      charts.forEach((chart, part) => drawPart(chart, part, curves, marks, error));
      return sentence({ error, beta, delta });
    }

    const note = "Computed in this page, by the formulas of tutorial_lib.labs.losses.";
    playing.frame(root, { title: "Losses against the error", controls, pictures: charts, draw, note });
  };

  /** Draw the losses, part 0, or their slopes, part 1, and one error marked on all. */
  function drawPart(chart, part, curves, marks, error) {
    const { general } = playing.words;
    chart.layer("upright", (group, { toX, toY, left, right, top, bottom, svg }) => {
      const level = { x1: left, x2: right, y1: toY(0), y2: toY(0), stroke: "var(--play-muted)" };
      const upright = { x1: toX(error), x2: toX(error), y1: top, y2: bottom, stroke: "var(--play-ink)" };
      group.append(svg("line", level), svg("line", upright));
    });
    Object.keys(curves).forEach((name, number) => {
      const points = ERRORS.map((at, place) => [at, curves[name][part][place]]);
      const look = { role: number + 1, dash: number === 3 }; // where two lie on each other, both are seen
      chart.line(name, points, { ...look, label: name });
      chart.dots(`mark of ${name}`, [[error, marks[name][part]]], { role: number + 1, radius: 6 - number });
    });
    const told = Object.entries(marks).map(([name, mark]) => `${name} ${general(mark[part], 3)}`);
    const ends = Object.entries(curves).map(([name, curve]) => {
      const [first, last] = [curve[part][0], curve[part][ERRORS.length - 1]];
      return `${name} from ${general(first, 3)} to ${general(last, 3)}`;
    });
    chart.say(
      `${["Losses", "Slopes of the losses"][part]} against the error, which goes from -3 to 3: ${ends.join("; ")}. ` +
        `At error ${general(error)}: ${told.join(", ")}.`,
    );
  }

  playing.losses = { lossesAndSlopes, sentence };
})();
