// Softmax and cross-entropy of one row of logits, computed in the page: what labs/losses computes in Python.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});
  const total = (values) => values.reduce((sum, value) => sum + value, 0);

  /**
   * Work out softmax and cross-entropy for one image.
   *
   * `logits` are K numbers, `label` is the true class; `added` is added to every logit, and
   * `smoothing` is the share of the target that is spread evenly. Losses are in nats.
   */
  function view(logits, label, { added = 0, smoothing = 0 } = {}) {
    const count = logits.length;
    if (!(Number.isInteger(label) && label >= 0 && label < count)) {
      throw new RangeError(`label must be a whole number from 0 to ${count - 1}; got ${label}`);
    }
    const row = logits.map((logit) => logit + added);
    const shift = Math.max(...row); // with it no exp is above 1
    const powers = row.map((logit) => Math.exp(logit - shift));
    const sum = total(powers);
    const probabilities = powers.map((power) => power / sum);
    const logs = row.map((logit) => logit - shift - Math.log(sum));
    const target = row.map((_, index) => smoothing / count + (1 - smoothing) * Number(index === label));
    return {
      logits: row,
      probabilities,
      target,
      slopes: probabilities.map((probability, index) => probability - target[index]),
      loss: crossEntropy(logs, label, smoothing),
      least_loss: total(target.filter(Boolean).map((share) => share * Math.log(1 / share))),
      blind_loss: Math.log(count),
      ...plain(row, target),
    };
  }

  /** Return the loss as torch works it out: that of the label, and the mean of all where smoothed. */
  function crossEntropy(logs, label, smoothing) {
    if (!(smoothing > 0)) return -logs[label] + 0;
    return (1 - smoothing) * -logs[label] + (smoothing / logs.length) * -total(logs);
  }

  /** Return exp of each logit in float32, nothing subtracted, and the loss that comes of it. */
  function plain(row, target) {
    const powers = row.map((logit) => Math.fround(Math.exp(Math.fround(logit))));
    const sum = powers.reduce((so_far, power) => Math.fround(so_far + power), 0);
    const logs = powers.map((power) => Math.fround(Math.log(Math.fround(power / sum))));
    const parts = target.map((share, index) => (share ? share * logs[index] : 0));
    return { plain_powers: powers, plain_loss: 0 - total(parts) };
  }

  /** Write a number to three decimals; one that would read 0.000 is told by two digits. */
  function rounded(value) {
    const { fixed, general } = playing.words;
    return value === 0 || !(Math.abs(value) < 0.001) ? fixed(value + 0, 3) : general(value, 2);
  }

  /** Say what was seen, as the panel of the notebook says it. */
  function sentence(seen, label, smoothing) {
    const { fixed } = playing.words;
    const against = smoothing ? ", against the smoothed target" : "";
    const words =
      `Class ${label} gets probability ${fixed(seen.probabilities[label], 4)}: loss ` +
      `${rounded(seen.loss)}${against}, where knowing nothing costs ${fixed(seen.blind_loss, 3)}.`;
    return isClose(seen.plain_loss, seen.loss) ? words : `${words} Without the shift, ${whatBroke(seen)}.`;
  }

  function whatBroke(seen) {
    if (Number.isFinite(seen.plain_loss)) {
      const wrong = rounded(seen.plain_loss);
      return `exp keeps too few digits in float32, and the loss comes out as ${wrong}`;
    }
    if (seen.plain_powers.includes(Infinity)) return "exp overflows in float32, and infinity / infinity is nan";
    if (!seen.plain_powers.some(Boolean)) return "every exp is 0 in float32, and 0 / 0 is nan";
    return "the probability is rounded to 0 in float32, and -ln 0 is infinite";
  }

  /** Python's math.isclose(one, other, rel_tol=0.01, abs_tol=1e-6). */
  function isClose(one, other) {
    if (one === other) return true;
    if (!Number.isFinite(one) || !Number.isFinite(other)) return false;
    return Math.abs(one - other) <= Math.max(0.01 * Math.max(Math.abs(one), Math.abs(other)), 1e-6);
  }

  /* ---- The panel ---- */

  const REACHES = [3, 5, 8, 12, 20, 30, 50, 80, 120, 200];

  /** Return where an axis ends that is to hold a value: in few steps, so that it seldom jumps. */
  function reach(value) {
    return REACHES.find((end) => value <= end) ?? value;
  }

  playing.panels.softmax = function (root, options = {}) {
    const { even } = playing.stops;
    const count = options.num_classes ?? 10;
    const first = { label: Math.min(3, count - 1), added: 0, smoothing: 0, ...options };
    const names = Array.from({ length: count }, (_, index) => `logit_${index}`);
    const controls = Object.fromEntries(
      names.map((name, index) => {
        const value = first[name] ?? 0;
        const values = even(-10, 10, 0.1, value);
        return [name, { label: `z${index}`, tooltip: `The logit of class ${index}.`, values, value }];
      }),
    );
    controls.label = {
      label: "true class",
      tooltip: "The label: which class is the right one.",
      options: names.map((_, index) => [index, String(index)]),
      value: first.label,
    };
    controls.added = {
      label: "add to all",
      tooltip: "A constant added to all logits. It changes nothing, on paper.",
      values: even(-150, 150, 1, first.added),
      value: first.added,
    };
    controls.smoothing = {
      label: "smoothing",
      tooltip: "Label smoothing: the share of the target that is spread over all classes.",
      values: even(0, 0.5, 0.01, first.smoothing),
      value: first.smoothing,
    };
    const blank = () => "";
    const classes = { scale: "linear", from: -0.7, to: count - 0.3, words: blank };
    const logits = playing.chart({ x: classes, y: { label: "logits, as they go in", scale: "linear" }, height: 220 });
    const shares = playing.chart({
      x: classes,
      y: { label: "probabilities; strokes: target", scale: "linear", from: -0.03, to: 1.05 },
      height: 220,
    });
    const loss = playing.chart({
      x: { label: "cross-entropy (nats)", scale: "linear", from: 0, to: 1 },
      y: { label: "loss", scale: "linear", from: -0.5, to: 3.5, words: blank },
      height: 240,
    });
    for (const chart of [logits, shares]) chart.element.style.flexBasis = "200px"; // side by side
    loss.element.style.flexBasis = "100%";

    function draw(values) {
      const row = names.map((name) => values[name]);
      const { label, added, smoothing } = values;
      const seen = view(row, label, { added, smoothing });
      const [low, high] = [reach(-Math.min(...seen.logits)), reach(Math.max(...seen.logits))];
      for (const chart of [logits, shares]) chart.axes({ x: { label: `class (the true one is ${label})` } });
      logits.axes({ y: { from: -1.05 * low, to: 1.05 * high } });
      drawBars(logits, seen.logits, label);
      drawBars(shares, seen.probabilities, label, seen.target);
      drawLoss(loss, seen);
      const { general, fixed } = playing.words;
      logits.say(`The logit of each class: ${told(seen.logits, (value) => general(value, 3))}.`);
      const target = smoothing ? `1 - smoothing + smoothing / ${count} = ${fixed(seen.target[label], 3)}` : "1";
      shares.say(
        `The probability of each class: ${told(seen.probabilities, (value) => fixed(value, 3))}. ` +
          `The target of class ${label}, the true one, is ${target}.`,
      );
      return sentence(seen, label, smoothing);
    }

    const rows = [names];
    const pictures = [logits, shares, loss];
    const note = "Computed in this page, by the formulas of tutorial_lib.labs.losses; without the shift, in float32.";
    playing.frame(root, { title: "Softmax and cross-entropy", controls, rows, pictures, draw, note });
  };

  function told(values, written) {
    return values.map((value, index) => `${index}: ${written(value)}`).join(", ");
  }

  /** Hide the lines of the grid, which bars have no use for. */
  function drawGround(chart) {
    chart.layer("ground", (group, { left, right, top, bottom, svg }) => {
      const box = { x: left - 1, y: top - 1, width: right - left + 2, height: bottom - top + 2 };
      group.append(svg("rect", { ...box, fill: "var(--play-ground)" }));
    });
  }

  /** Draw a bar for each class, that of the label darker, and strokes where the target is. */
  function drawBars(chart, values, label, target = []) {
    drawGround(chart);
    chart.layer(
      "bars",
      (group, { toX, toY, left, right, bottom, svg }) => {
        const wide = toX(1) - toX(0);
        const every = Math.ceil((values.length > 10 ? 22 : 12) / wide); // classes whose number has room
        values.forEach((value, index) => {
          const [one, other] = [toY(Math.max(0, value)), toY(Math.min(0, value))];
          const box = { x: toX(index) - 0.35 * wide, y: one, width: 0.7 * wide, height: other - one };
          group.append(svg("rect", { ...box, fill: `var(--play-${index === label ? 1 : 6})` }));
          if (index % every) return;
          const at = { x: toX(index), y: bottom + 16, "text-anchor": "middle", fill: "var(--play-muted)" };
          group.append(svg("text", at, String(index)));
        });
        group.append(svg("line", { x1: left, x2: right, y1: toY(0), y2: toY(0), stroke: "var(--play-muted)" }));
        target.forEach((share, index) => {
          const line = { x1: toX(index - 0.45), x2: toX(index + 0.45), y1: toY(share), y2: toY(share) };
          group.append(svg("line", { ...line, stroke: "var(--play-ink)", "stroke-width": 2 }));
        });
      },
      { above: true },
    );
  }

  function drawLoss(chart, seen) {
    const rows = [
      ["loss", seen.loss, 1],
      [`knows nothing: ln ${seen.logits.length}`, seen.blind_loss, 0],
      ["least possible", seen.least_loss, 3],
      ["exp without the shift", seen.plain_loss, 2],
    ];
    const right = reach(seen.loss);
    chart.axes({ x: { to: 1.3 * right } });
    drawGround(chart);
    chart.layer(
      "rows",
      (group, { toX, left, right: edge, top, bottom, svg }) => {
        const tall = (bottom - top) / rows.length;
        rows.forEach(([name, value, role], row) => {
          const y = top + row * tall;
          const end = Math.min(toX(Number.isFinite(value) ? Math.max(0, value) : 0), edge);
          const [fill, ink] = role ? [`var(--play-${role})`, `var(--play-${role}-ink)`] : Array(2).fill("var(--play-muted)");
          group.append(svg("text", { x: left + 4, y: y + 14, class: "playing-axis" }, name));
          group.append(svg("rect", { x: left, y: y + 20, width: end - left, height: tall - 30, fill }));
          const at = { x: Math.min(end + 6, toX(1.02 * right)), y: y + 24 + (tall - 30) / 2, fill: ink };
          group.append(svg("text", { ...at, class: "playing-name" }, rounded(value)));
        });
      },
      { above: true },
    );
    chart.say(`Cross-entropy in nats: ${rows.map(([name, value]) => `${name} ${rounded(value)}`).join("; ")}.`);
  }

  playing.softmax = { view, rounded, sentence };
})();
