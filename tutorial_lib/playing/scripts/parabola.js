// Gradient descent on one weight, computed in the page: what labs/parabola computes in Python.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  const WIDTH = 3; // the weights shown reach from -3 to 3
  const RATES = [0.01, 10]; // those on the scale of rates
  const LETTER = 8; // pixels, of a bold one, at most on average
  // What descent does -> the number of its colour, and words.
  const BEHAVIOURS = {
    converges: [3, "comes down from one side"],
    oscillates: [5, "oscillates about the lowest point, and arrives"],
    diverges: [2, "never arrives"],
  };

  /** Return the weight before each step on the loss curvature / 2 * w^2, and after the last one. */
  function descend({ learning_rate, curvature = 1, momentum = 0, start = -1.5, num_steps = 20 }) {
    check(learning_rate, curvature, momentum);
    let weight = start;
    let velocity = 0;
    const path = [weight];
    for (let step = 0; step < num_steps; step += 1) {
      velocity = momentum * velocity + curvature * weight;
      weight -= learning_rate * velocity;
      path.push(weight);
    }
    return path;
  }

  /** Return the learning rate from which descent diverges: 2 (1 + momentum) / curvature. */
  function highestRate(curvature, momentum = 0) {
    return (2 * (1 + momentum)) / curvature;
  }

  /** Return by what the distance to the lowest point is multiplied at each step, in the long run. */
  function factorPerStep(learning_rate, curvature, momentum = 0) {
    return Math.max(...roots(learning_rate, curvature, momentum).map(([re, im]) => Math.hypot(re, im)));
  }

  /** Say what descent does: "converges" from one side, "oscillates" about 0, or "diverges". */
  function behaviour(learning_rate, curvature, momentum = 0) {
    check(learning_rate, curvature, momentum);
    if (learning_rate >= highestRate(curvature, momentum)) return "diverges";
    const swings = roots(learning_rate, curvature, momentum).some(([re, im]) => im !== 0 || re < 0);
    return swings ? "oscillates" : "converges";
  }

  /** Return both roots of z^2 - (1 + momentum - learning_rate curvature) z + momentum = 0. */
  function roots(learning_rate, curvature, momentum) {
    const middle = (1 + momentum - learning_rate * curvature) / 2;
    const inside = middle * middle - momentum;
    const reach = Math.sqrt(Math.abs(inside));
    if (inside < 0) return [[middle, reach], [middle, -reach]];
    return [[middle + reach, 0], [middle - reach, 0]];
  }

  function check(learning_rate, curvature, momentum) {
    const isPositive = (value) => value > 0 && value <= 1e30;
    if (!isPositive(learning_rate)) throw new RangeError(`learning_rate must be above 0; got ${learning_rate}`);
    if (!isPositive(curvature)) throw new RangeError(`curvature must be above 0; got ${curvature}`);
    if (!(momentum >= 0 && momentum < 1)) throw new RangeError(`momentum must be in [0, 1); got ${momentum}`);
  }

  /** Say what happens, as the panel of the notebook says it. */
  function sentence({ learning_rate, curvature, momentum }) {
    const { general } = playing.words;
    const [, words] = BEHAVIOURS[behaviour(learning_rate, curvature, momentum)];
    const factor = factorPerStep(learning_rate, curvature, momentum);
    return (
      `With ${general(learning_rate)} the ball ${words}: in the long run each step multiplies its ` +
      `distance by ${general(factor, 3)}. It diverges from ${general(highestRate(curvature, momentum), 3)} on.`
    );
  }

  /* ---- The panel ---- */

  playing.panels.parabola = function (root, options = {}) {
    const { even, rates } = playing.stops;
    const first = { learning_rate: 0.1, curvature: 1, momentum: 0, start: -1.5, ...options };
    const controls = {
      learning_rate: {
        label: "learning rate",
        tooltip: "Length of a step along the slope.",
        values: rates(-2, 1, first.learning_rate),
      },
      curvature: { label: "curvature", tooltip: "How steep the parabola is.", values: rates(-1, 1, first.curvature) },
      momentum: {
        label: "momentum",
        tooltip: "How much of the last step is kept.",
        values: even(0, 0.99, 0.05, first.momentum),
      },
      start: { label: "start", tooltip: "The weight before the first step.", values: even(-3, 3, 0.05, first.start) },
    };
    for (const [name, control] of Object.entries(controls)) control.value = first[name];
    const weights = { scale: "linear", from: -WIDTH, to: WIDTH };
    const ball = playing.chart({
      x: { label: "weight w", ...weights },
      y: { label: "loss; large dot: start", scale: "linear" },
      height: 220,
    });
    const steps = playing.chart({
      x: { label: "step", scale: "linear", from: -0.5, to: 20.5 },
      y: { label: "weight w, step by step", ...weights },
      height: 220,
    });
    const scale = playing.chart({
      x: { label: "learning rate", scale: "log", from: RATES[0], to: RATES[1], words: (rate) => String(rate) },
      y: { scale: "linear", from: 0, to: 1, words: () => "" },
      height: 104,
    });
    for (const chart of [ball, steps]) chart.element.style.flexBasis = "200px"; // side by side
    scale.element.style.flexBasis = "100%";

    function draw(values) {
      const path = descend(values);
      const does = behaviour(values.learning_rate, values.curvature, values.momentum);
      drawBall(ball, path, values.curvature, BEHAVIOURS[does][0]);
      drawSteps(steps, path, BEHAVIOURS[does][0]);
      drawRates(scale, values, does);
      return sentence(values);
    }

    const note = "Computed in this page, by the formulas of tutorial_lib.labs.parabola.";
    playing.frame(root, { title: "A ball on a parabola", controls, pictures: [ball, steps, scale], draw, note });
  };

  function drawBall(chart, path, curvature, role) {
    const { general } = playing.words;
    const height = (weight) => (curvature / 2) * weight * weight;
    const top = height(WIDTH);
    const along = Array.from({ length: 121 }, (_, place) => WIDTH * (place / 60 - 1));
    const beyond = path.findIndex((weight) => !(Math.abs(weight) <= WIDTH)); // this one is still drawn
    const shown = beyond < 0 ? path : path.slice(0, beyond + 1);
    const points = shown.map((weight) => [weight, height(weight)]);
    chart.axes({ y: { from: -0.04 * top, to: 1.05 * top } });
    chart.line("parabola", along.map((weight) => [weight, height(weight)]), { role: "ink", width: 1, faint: true });
    chart.line("way", points, { role, width: 1 });
    chart.layer("ball", (group, { toX, toY, svg }) => {
      points.forEach(([weight, loss], step) => {
        const opacity = 1 - (0.65 * step) / Math.max(1, points.length - 1);
        const look = { r: 3.5, fill: `var(--play-${role})`, "fill-opacity": opacity };
        group.append(svg("circle", { cx: toX(weight), cy: toY(loss), ...look }));
      });
    });
    chart.dots("start", points.slice(0, 1), { role: "ink", radius: 5 });
    const out = beyond < 0 ? "" : ` It leaves the picture, which ends at 3, at step ${beyond}.`;
    chart.say(
      `The loss against the weight: a parabola that rises from 0 at weight 0 to ${general(top, 3)} at 3. The ball ` +
        `starts at weight ${general(path[0], 3)}, loss ${general(height(path[0]), 3)}, and after ` +
        `${path.length - 1} steps its weight is ${general(path[path.length - 1], 3)}.${out}`,
    );
  }

  function drawSteps(chart, path, role) {
    const { general } = playing.words;
    const points = path.map((weight, step) => [step, weight]);
    chart.line("zero", [[-0.5, 0], [path.length - 0.5, 0]], { role: "ink", width: 1, faint: true });
    chart.line("weights", points, { role, width: 1 });
    chart.dots("steps", points, { role, radius: 3 });
    chart.dots("start", points.slice(0, 1), { role: "ink", radius: 4.5 });
    const first = path.slice(0, 4).map((weight) => general(weight, 3));
    const last = general(path[path.length - 1], 3);
    chart.say(`The weight before each step, from -3 to 3: ${first.join(", ")} and so on; at step ${path.length - 1} it is ${last}.`);
  }

  /** Draw the scale of learning rates in the colours of what they do, with the borders. */
  function drawRates(chart, { learning_rate, curvature, momentum }, does) {
    const { general } = playing.words;
    const border = highestRate(curvature, momentum);
    // Without complex roots, that is with momentum 0, both borders are 1 / curvature.
    const swings = (1 - Math.sqrt(momentum)) ** 2 / curvature;
    const edges = [RATES[0], swings, border, RATES[1]].map((rate) => Math.min(Math.max(rate, RATES[0]), RATES[1]));
    const name = momentum ? "2 (1 + momentum) / curvature" : "2 / curvature";
    chart.layer("rates", (group, { toX, left, right, top, bottom, svg }) => {
      const high = top + 18; // above it stands what the border is
      const ground = { x: left - 1, y: top - 2, width: right - left + 2, height: bottom - top + 4 };
      group.append(svg("rect", { ...ground, fill: "var(--play-ground)" }));
      Object.entries(BEHAVIOURS).forEach(([word, [role]], place) => {
        const [from, to] = [toX(edges[place]), toX(edges[place + 1])];
        if (!(to > from)) return;
        const box = { x: from, y: high, width: to - from, height: bottom - high };
        group.append(svg("rect", { ...box, fill: `var(--play-${role})`, "fill-opacity": 0.3 }));
        if (to - from < 7.5 * word.length + 8) return;
        const at = { x: (from + to) / 2, y: high + 15, "text-anchor": "middle", class: "playing-axis" };
        group.append(svg("text", at, word));
      });
      if (border < RATES[0] || border > RATES[1]) return;
      const at = toX(border);
      group.append(svg("line", { x1: at, x2: at, y1: high, y2: bottom, stroke: "var(--play-2)", "stroke-width": 2 }));
      const value = general(border, 3);
      const whole = `${name} = ${value}`;
      const words = LETTER * whole.length < right - left ? whole : `diverges from ${value}`;
      const half = (LETTER * words.length) / 2; // near an end of the scale they are moved within
      const x = Math.min(Math.max(at, left + half), right - half);
      const look = { class: "playing-name", "text-anchor": "middle", fill: "var(--play-2-ink)" };
      group.append(svg("text", { x, y: top + 11, ...look }, words));
    });
    chart.layer(
      "rate",
      (group, { toX, bottom, svg }) => {
        const [x, y] = [toX(learning_rate), bottom];
        group.append(svg("path", { d: `M${x - 7} ${y}L${x + 7} ${y}L${x} ${y - 13}Z`, fill: "var(--play-1)" }));
      },
      { above: true },
    );
    chart.say(
      `The scale of learning rates from 0.01 to 10: below ${general(swings, 3)} the ball converges from one side, from there ` +
        `to ${general(border, 3)}, which is ${name}, it oscillates, and above it diverges. The rate is ` +
        `${general(learning_rate)}, which ${does}.`,
    );
  }

  playing.parabola = { descend, highestRate, factorPerStep, behaviour, sentence };
})();
