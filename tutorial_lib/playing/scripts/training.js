// The training panel over recorded real runs: Train plays one in the time it took, or faster.
(function () {
  "use strict";

  const playing = window.playing;
  const MOST_RUNS = 6; // as many as can be told apart by colour; the oldest leaves first
  const USUAL = [0.05, 5]; // the axis of losses at first, as in pictures/curve.py
  const CEILING = 100; // losses above leave the picture at the top
  const LONGEST_FRAME = 0.25; // seconds that a frame counts at most: a hidden page stands still
  const CALM_SECONDS = 0.5; // between two drawings, for who wants less motion
  const LEADS = [1, 1.3, 1.6, 2, 2.5, 3, 4, 5, 6, 8]; // a tenth of a power of ten apart, about
  const HIGHEST_RATE = 3;
  const SPEEDS = [
    [0.25, "¼ of it"],
    [1, "as it was"],
    [10, "10 times"],
    [Infinity, "at once"],
  ];

  /* ---- What is computed, for tests, too ---- */

  /** Return a recorded curve as points [step, loss]; a loss that is no number is NaN. */
  function pointsOf({ gaps, loss }) {
    let step = 0;
    return gaps.map((gap, index) => {
      step += gap;
      return [step, loss[index] === null ? NaN : loss[index]];
    });
  }

  /** Return the recorded run nearest to wished settings, and how it differs, in words. */
  function nearest(recording, wished) {
    const of = (values, value) => values[playing.nearest(values, value)];
    const rate = of(recording.learning_rates, wished.learning_rate);
    let size = of(recording.batch_sizes, wished.batch_size);
    const fits = (run) =>
      run.optimizer === wished.optimizer &&
      run.learning_rate === rate &&
      run.brake === (wished.brake || 1);
    const sizes = recording.runs.filter(fits).map((run) => run.batch_size);
    size = of(sizes, size);
    const run = recording.runs.find((one) => fits(one) && one.batch_size === size);
    const differing = [];
    if (rate !== wished.learning_rate) {
      differing.push(`learning rate ${number(rate)} instead of ${number(wished.learning_rate)}`);
    }
    if (size !== wished.batch_size) {
      differing.push(`batch size ${size} instead of ${wished.batch_size.toLocaleString("en")}`);
    }
    const words = differing.length
      ? `These settings were not recorded. The nearest that were: ${differing.join(", ")}.`
      : "";
    return { run, words };
  }

  function number(value) {
    return playing.number(value, 2);
  }

  /** Name runs by the settings in which they differ, as config.labels_by_difference does. */
  function labelsOf(runs) {
    const fields = [
      ["optimizer", (run) => run.optimizer],
      ["learning_rate", (run) => `lr ${number(run.learning_rate)}`],
      ["batch_size", (run) => `batch ${run.batch_size}`],
      ["brake", (run) => (run.brake === 1 ? "rate kept" : "rate braked")],
    ];
    let named = fields.filter(([name]) => new Set(runs.map((run) => run[name])).size > 1);
    if (!named.length) named = fields.slice(1, 3);
    const seen = new Map();
    return runs.map((run) => {
      const label = named.map(([, words]) => words(run)).join(", ");
      const times = seen.get(label) || 0;
      seen.set(label, times + 1);
      return times ? `${label} (again${times > 1 ? ` ${times}` : ""})` : label;
    });
  }

  /** Return where the axis of losses ends: it only grows, as that of the panel does. */
  function grown([low, high], lowest, highest) {
    const top = Math.min(highest, CEILING);
    return [lowest > 0 && lowest < 1.5 * low ? lowest / 4 : low, top > high ? top * 2 : high];
  }

  /** Return how many of the points [step, ...] lie at a step or before it. */
  function reached(points, step) {
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] <= step + 1e-9) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function percent(share) {
    return `${(100 * share).toFixed(1)}%`;
  }

  function loss(value) {
    if (!Number.isFinite(value)) return "not a number";
    return value < 1e6 && value >= 1e-3 ? value.toPrecision(3) : playing.number(value);
  }

  playing.training = { pointsOf, nearest, labelsOf, grown, reached };

  /* ---- The panel ---- */

  playing.panels.training = function (root, options) {
    const recording = playing.recorded.training;
    const { data, made, epochs } = recording;
    const shown = []; // the runs on the picture, each {run, smoothed, raw, step, colour}
    let present = null; // the last of them
    let state = "ready";
    let frame = null;
    let before = 0; // when the last frame was, in milliseconds
    let drawnAt = -Infinity;
    let limits = USUAL;
    let colour = 0;
    let said = ""; // which recorded run plays in the place of the one that was wished

    const stops = [-4, -3, -2, -1, 0].flatMap((power) => LEADS.map((lead) => Number(`${lead}e${power}`)));
    const rates = stops.filter((stop) => stop <= HIGHEST_RATE);
    const sizes = Array.from({ length: 11 }, (_, power) => 2 ** power);
    const rate = playing.slider({
      label: "learning rate",
      values: rates,
      value: options.learning_rate || 0.01,
      words: number,
      onInput: tellNearest,
    });
    const size = playing.slider({
      label: "batch size",
      values: sizes,
      value: options.batch_size || 32,
      words: (value) => value.toLocaleString("en"),
      onInput: tellNearest,
    });
    const optimizer = playing.choice({
      label: "optimizer",
      options: recording.optimizers.map((name) => [name, name]),
      value: options.optimizer || "momentum",
      onChange: tellNearest,
    });
    const brake = playing.choice({
      label: "rate on the way",
      options: [[1, "stays"], ...recording.brakes.filter((one) => one !== 1).map(braked)],
      onChange: tellNearest,
    });
    const speed = playing.choice({ label: "pace", options: SPEEDS, value: 1 });
    const train = playing.button({ label: "Train", onClick: begin, main: true });
    const pause = playing.button({ label: "Pause", onClick: hold });
    const stop = playing.button({ label: "Stop", onClick: () => end("stopped") });
    const clear = playing.button({ label: "Clear", onClick: wipe });

    const losses = playing.chart({
      x: { label: "epochs", from: 0, to: epochs },
      y: { label: "Loss: each batch faint, smoothed bold; held out dashed", scale: "log" },
      beside: labelsOf([nearest(recording, wished()).run])[0],
      height: (width) => Math.min(330, Math.max(260, 0.6 * width)),
    });
    const scores = playing.chart({
      x: { label: "epochs", from: 0, to: epochs },
      y: { label: `Accuracy on ${data.held_out} held-out ${data.noun} (%)`, from: 0, to: 100 },
      height: (width) => Math.min(330, Math.max(260, 0.6 * width)),
    });
    const table = playing.table({
      caption: "At the end of each epoch, and where a run stands",
      columns: ["epochs", "smoothed loss", "held-out loss", "accuracy"],
    });
    const numbers = playing.element("details", {}, playing.element("summary", {}, "Numbers as a table"));
    numbers.append(table.element);
    numbers.addEventListener("toggle", fillTable);

    const frameOf = playing.layout(root, {
      title: "Training, played from recorded runs",
      controls: [rate, size, optimizer, brake, speed, [train, pause, stop, clear]],
      pictures: [losses, scores],
    });
    root.classList.add("playing-above");
    losses.element.classList.add("playing-wide");
    scores.element.classList.add("playing-slim");
    const wish = playing.element("p", { class: "playing-wish" });
    frameOf.controls.append(wish);
    root.append(numbers);
    playing.note(
      root,
      `Recorded on ${made.date} with torch ${made.torch.split("+")[0]}, Python ${made.python}, ` +
        `seed ${made.seed}, on one core of a processor named ${made.processor}: real trainings of ` +
        `LeNet on ${data.train.toLocaleString("en")} ${data.noun} for ${epochs} epochs, momentum ` +
        `${recording.momentum} where there is one. In this page nothing is trained; in JupyterLab ` +
        "any setting is trained for real, and can be changed on the way."
    );
    tellNearest();
    show();
    draw();

    function braked(factor) {
      const words = factor === 0.1 ? "a tenth of it" : `${number(factor)} of it`;
      return [factor, `${words} in epoch ${epochs}`];
    }

    function wished() {
      return {
        learning_rate: rate.value,
        batch_size: size.value,
        optimizer: optimizer.value,
        brake: brake.value,
      };
    }

    function tellNearest() {
      const { words } = nearest(recording, wished());
      wish.textContent = words === said ? "" : words; // once it plays, the status says so
    }

    function begin() {
      if (state === "running" || state === "paused") return;
      const found = nearest(recording, wished());
      said = found.words;
      tellNearest();
      if (shown.length === MOST_RUNS) shown.shift();
      present = {
        run: found.run,
        smoothed: pointsOf(found.run.smoothed),
        raw: pointsOf(found.run.loss),
        step: 0,
        colour: (colour % MOST_RUNS) + 1,
      };
      colour += 1;
      shown.push(present);
      go();
    }

    function go() {
      state = "running";
      before = performance.now();
      drawnAt = -Infinity;
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(advance);
      show();
    }

    function advance(now) {
      const passed = Math.min(LONGEST_FRAME, Math.max(0, (now - before) / 1000));
      before = now;
      const { run } = present;
      const pace = run.steps / run.seconds; // of one core, scoring included
      present.step = speed.value === Infinity ? run.steps : Math.min(run.steps, present.step + passed * pace * speed.value);
      if (present.step >= run.steps) {
        end(run.diverged ? "diverged" : "finished");
        return;
      }
      if (!playing.calm() || now - drawnAt > 1000 * CALM_SECONDS) {
        drawnAt = now;
        draw();
        show();
      }
      frame = requestAnimationFrame(advance);
    }

    function hold() {
      if (state === "paused") {
        go();
      } else if (state === "running") {
        state = "paused";
        cancelAnimationFrame(frame);
        draw();
        show();
      }
    }

    function end(how) {
      state = how;
      cancelAnimationFrame(frame);
      draw();
      show();
      fillTable();
    }

    function wipe() {
      shown.length = 0;
      present = null;
      state = "ready";
      limits = USUAL;
      colour = 0;
      said = "";
      tellNearest();
      draw();
      show();
      fillTable();
    }

    function epochOf(one, step) {
      return (step / one.run.num_steps) * epochs;
    }

    function scoresOf(one) {
      const each = one.run.num_steps / epochs;
      return one.run.scores.filter(([epoch]) => epoch * each <= one.step + 1e-9);
    }

    /** Return the smoothed loss where a run stands; NaN before its first step. */
    function lossAt(one, step = one.step) {
      const count = reached(one.smoothed, Math.max(1, step));
      return step > 0 && count ? one.smoothed[count - 1][1] : NaN;
    }

    function draw() {
      losses.clear();
      scores.clear();
      const labels = labelsOf(shown.map((one) => one.run));
      let lowest = Infinity;
      let highest = -Infinity;
      shown.forEach((one, index) => {
        const label = labels[index];
        const looks = { role: one.colour };
        const inEpochs = ([step, value]) => [epochOf(one, step), value];
        const raw = one.raw.slice(0, reached(one.raw, one.step));
        const bold = one.smoothed.slice(0, reached(one.smoothed, one.step));
        const scored = scoresOf(one);
        for (const [, value] of raw) if (value > highest) highest = value;
        for (const [, value] of bold) if (value < lowest) lowest = value;
        for (const [, value] of scored) {
          if (value !== null && value < lowest) lowest = value;
          if (value > highest) highest = value;
        }
        losses.line(`${index} raw`, raw.map(inEpochs), { ...looks, faint: one === present ? 0.35 : 0.2, width: 1 });
        losses.line(`${index} loss`, bold.map(inEpochs), { ...looks, label });
        if (scored.length) {
          const held = scored.map(([epoch, value]) => [epoch, value === null ? NaN : value]);
          losses.line(`${index} held out`, held, { ...looks, dash: "5 4", width: 1.5 });
          losses.dots(`${index} held out dots`, held, { ...looks, radius: 3.5, hollow: true });
          const shares = scored.map(([epoch, , share]) => [epoch, 100 * share]);
          scores.line(`${index} accuracy`, shares, looks);
          scores.dots(`${index} accuracy dots`, shares, looks);
        }
        for (const change of one.run.changes) {
          if (change[0] <= one.step) losses.layer(`${index} mark`, mark(one, change, index));
        }
        if (one.run.diverged && one.step >= one.run.steps) {
          losses.layer(`${index} cross`, cross(one), { above: true });
        }
      });
      if (shown.length) limits = grown(limits, lowest, highest);
      losses.axes({ y: { from: limits[0], to: limits[1] } });
      scores.axes({ y: { from: lowestShare() } });
      losses.say(inWords(labels, lossWords) || "Loss over epochs: no run has begun.");
      scores.say(inWords(labels, scoreWords) || "Accuracy over epochs: no run has begun.");
    }

    /** Return where the axis of accuracies begins, in percent. */
    function lowestShare() {
      const shares = shown.flatMap((one) => scoresOf(one).map(([, , share]) => 100 * share));
      return Math.min(80, ...shares.map((share) => 20 * Math.floor(share / 20)));
    }

    /** Return what draws where a run's rate changed: a dashed line, and the new rate beside it. */
    function mark(one, [step, , , after], row) {
      return (group, { toX, top, bottom, svg }) => {
        const x = toX(epochOf(one, step - 1));
        const line = { x1: x, x2: x, y1: top, y2: bottom, "stroke-dasharray": "4 3" };
        group.append(svg("line", { ...line, stroke: `var(--play-${one.colour})` }));
        const place = { x: x + 4, y: top + 12 + 15 * row, class: "playing-name" };
        const look = { fill: `var(--play-${one.colour}-ink)` };
        group.append(svg("text", { ...place, ...look }, `lr ${number(after)}`));
      };
    }

    function cross(one) {
      return (group, { toX, toY, top, bottom, svg }) => {
        const at = Math.min(CEILING, lossAt(one));
        const x = toX(epochOf(one, one.run.steps));
        const y = Math.min(bottom, Math.max(top, Number.isFinite(at) ? toY(at) : top));
        const d = `M${x - 6} ${y - 6}l12 12m0 -12l-12 12`;
        const look = { stroke: `var(--play-${one.colour})`, "stroke-width": 4, fill: "none" };
        group.append(svg("path", { d, ...look, "data-name": "cross" }));
      };
    }

    function inWords(labels, words) {
      return shown.map((one, index) => `${labels[index]}: ${words(one)}.`).join(" ");
    }

    function lossWords(one) {
      if (one.step < 1) return "no step yet";
      const first = loss(lossAt(one, 1));
      const held = scoresOf(one).map(([, value]) => loss(value));
      const scored = held.length ? `; held out, after each epoch, ${held.join(", ")}` : "";
      const ends = one.run.diverged && one.step >= one.run.steps ? ", where it diverged" : "";
      return `smoothed loss from ${first} to ${loss(lossAt(one))} at epoch ${epochOf(one, one.step).toFixed(2)}${ends}${scored}`;
    }

    function scoreWords(one) {
      const shares = scoresOf(one).map(([, , share]) => percent(share));
      return shares.length ? `accuracy after each epoch ${shares.join(", ")}` : "no epoch is over yet";
    }

    function position() {
      const { run } = present;
      const step = Math.floor(present.step);
      const each = run.num_steps / epochs;
      const epoch = Math.min(epochs, Math.floor(Math.max(0, step - 1) / each) + 1);
      const scored = scoresOf(present);
      const last = scored.length ? scored[scored.length - 1] : null;
      const score = last ? `, ${percent(last[2])} of ${data.held_out} held-out ${data.noun} right` : "";
      const value = step ? `, smoothed loss ${loss(lossAt(present))}` : "";
      return (
        `epoch ${epoch} of ${epochs}, step ${step.toLocaleString("en")} of ` +
        `${run.num_steps.toLocaleString("en")}${value}${score}`
      );
    }

    function verdict() {
      const last = present.run.scores[present.run.scores.length - 1];
      const isDead = last && last[2] < 0.15 && lossAt(present) > 2.2;
      return isDead ? " It has learned next to nothing: guessing gets one in ten right, too." : "";
    }

    function sentence() {
      if (state === "ready") return "Ready. Set the sliders and press Train.";
      if (state === "running") return `Training: ${position()}.`;
      if (state === "paused") return `Paused: ${position()}. Press Resume to go on.`;
      if (state === "stopped") return `Stopped: ${position()}.`;
      if (state === "diverged") return `Diverged: ${present.run.diverged.words}`;
      const took = `It took ${playing.number(present.run.seconds, 2)} s when it was recorded.`;
      return `Finished: ${position()}.${verdict()} ${took}`;
    }

    function show() {
      const isBusy = state === "running" || state === "paused";
      frameOf.status(said ? `${sentence()} ${said}` : sentence());
      train.set({ disabled: isBusy });
      pause.set({ disabled: !isBusy, label: state === "paused" ? "Resume" : "Pause" });
      stop.set({ disabled: !isBusy });
      clear.set({ disabled: isBusy || !shown.length });
    }

    function fillTable() {
      if (!numbers.open) return;
      const labels = labelsOf(shown.map((one) => one.run));
      table.rows(
        shown.flatMap((one, index) => {
          const each = one.run.num_steps / epochs;
          const rows = scoresOf(one).map(([epoch, value, share]) => [
            String(epoch),
            loss(lossAt(one, epoch * each)),
            loss(value),
            percent(share),
          ]);
          const isBetween = one.step > 0 && one.step % each > 1e-6;
          const here = [epochOf(one, one.step).toFixed(2), loss(lossAt(one)), "", ""];
          return [labels[index], ...rows, ...(isBetween ? [here] : [])];
        })
      );
    }
  };
})();
