// The page of one run: its curve to go along, step by step, and its script to be copied.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});
  playing.panels = playing.panels || {};

  const PLAY_SECONDS = 8; // so long the whole run takes when it is played
  const MOST_PLACES = 60; // to go to, by their names

  /** Return what a row of [index, value], each from its index on, has at an index. */
  function valueAt(row, index) {
    let low = 0;
    let high = row.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (row[middle][0] <= index) low = middle;
      else high = middle - 1;
    }
    return row[low][1];
  }

  /** Return the index of the last point at or before a step. */
  function indexOf(steps, step) {
    let low = 0;
    let high = steps.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (steps[middle] <= step) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  const whole = (value) => value.toLocaleString("en");
  const isNumber = (value) => typeof value === "number";

  /** Write a score: a share in percent, another number as it is. */
  const scoreText = (run, value) => (run.isShare ? `${value.toFixed(1)}%` : playing.number(value));

  /** Say where the run is at a point, in words. */
  function inWords(run, index) {
    const [step, x] = [run.step[index], run.x[index]];
    const words = [
      `Step ${whole(step)}, epoch ${x.toFixed(2)}: loss of its batch ${playing.number(run.loss[index])}, ` +
        `smoothed ${playing.number(run.smoothed[index])}; learning rate ` +
        `${playing.number(valueAt(run.rates, index))}, ${whole(valueAt(run.batches, index))} ` +
        `${run.unit} a step.`,
    ];
    const scored = run.scores.filter(([at]) => at <= x + 1e-9);
    const last = scored[scored.length - 1];
    if (last && isNumber(last[2]))
      words.push(`Held-out ${run.scoreName}, last measured: ${scoreText(run, last[2])}.`);
    if (run.diverged && index === run.step.length - 1) words.push("Then it diverged.");
    return words.join(" ");
  }

  /** Return the places of a run that have names: pairs of an index and what is there. */
  function placesOf(run) {
    const last = run.step.length - 1;
    const changes = run.marks.map(([step, text]) => [indexOf(run.step, step), text]);
    const lowest = run.smoothed.indexOf(Math.min(...run.smoothed));
    const epochs = run.scores.map(([x]) => [
      Math.max(0, run.x.findLastIndex((one) => one <= x + 1e-9)),
      `the end of epoch ${playing.number(x)}`,
    ]);
    const places = [
      [0, "the first step"],
      ...changes.slice(0, MOST_PLACES).map(([at, text]) => [at, `step ${whole(run.step[at])}: ${text}`]),
      ...epochs.slice(0, MOST_PLACES),
      [lowest, "the lowest smoothed loss"],
    ];
    places.sort(([one], [other]) => one - other);
    return [...places, [last, "the last step"]];
  }

  /** Draw the losses on a chart. */
  function drawLosses(chart, run) {
    const pairs = (values) => run.x.map((x, index) => [x, values[index]]);
    chart.line("batches", pairs(run.loss), { role: 1, width: 1, faint: true });
    chart.line("smoothed", pairs(run.smoothed), { role: 1, width: 2.5, label: "training" });
    const held = run.scores.filter((one) => isNumber(one[1])).map(([x, loss]) => [x, loss]);
    if (!held.length) return;
    chart.line("held out", held, { role: 2, dash: true, label: "held out" });
    chart.dots("held-out dots", held, { role: 2, radius: held.length > 25 ? 2 : 3.5 });
  }

  /** Mark where something was changed. */
  function drawMarks(chart, run) {
    chart.layer("changes", (group, { toX, top, bottom, svg }) => {
      for (const [step] of run.marks) {
        const at = toX(run.x[Math.max(0, indexOf(run.step, step) - 1)]);
        const line = { x1: at, x2: at, y1: top, y2: bottom, stroke: "var(--play-muted)" };
        group.append(svg("line", { ...line, "stroke-width": 1, "stroke-dasharray": "3 3" }));
      }
    });
  }

  function limitsOf(run) {
    const losses = [...run.loss, ...run.scores.map((one) => one[1]).filter(isNumber)];
    const scale = losses.every((loss) => loss > 0) ? "log" : "linear";
    const [least, most] = [Math.min(...run.smoothed, ...losses), Math.max(...losses)];
    if (most <= run.ceiling) return { scale };
    return { scale, from: scale === "log" ? least / 1.1 : Math.min(least, 0), to: run.ceiling };
  }

  playing.panels.run = function (root) {
    const run = JSON.parse(document.getElementById("run").textContent);
    const last = run.step.length - 1;
    const height = (width) => (width < 480 ? 260 : 320);
    const ends = { from: 0, to: run.x[last] };
    const losses = playing.chart({
      x: { label: "epochs", ...ends },
      y: { label: "loss", ...limitsOf(run) },
      alt: document.querySelector(".playing-still img").alt,
      height,
    });
    drawLosses(losses, run);
    drawMarks(losses, run);
    const pictures = [losses];
    const scored = run.scores.filter((one) => isNumber(one[2])).map(([x, , score]) => [x, score]);
    if (scored.length > 1) {
      const scores = playing.chart({
        x: { label: "epochs", ...ends },
        y: { label: run.isShare ? `${run.scoreName} (%)` : run.scoreName },
        alt: `Held-out ${run.scoreName}: from ${scoreText(run, scored[0][1])} to ${scoreText(run, scored[scored.length - 1][1])}`,
        height,
      });
      scores.line("scores", scored, { role: 2 });
      scores.dots("dots", scored, { role: 2, radius: scored.length > 25 ? 2 : 3.5 });
      pictures.push(scores);
    }

    let index = last;
    let began = null; // when the playing began, and at which point
    for (const picture of pictures)
      picture.layer(
        "here",
        (group, { toX, top, bottom, svg }) => {
          const at = toX(run.x[index]);
          const look = { x1: at, x2: at, y1: top, y2: bottom, stroke: "var(--play-ink)" };
          group.append(svg("line", { ...look, "stroke-width": 1.5, "data-step": run.step[index] }));
        },
        { above: true }
      );

    function show(wanted) {
      index = wanted;
      frame.status(inWords(run, index));
      for (const picture of pictures) picture.draw();
    }

    function rest() {
      began = null;
      play.set({ label: "Play" });
    }

    function go(now) {
      if (!began) return;
      const passed = Math.max(0, now - began.at) / 1000 / PLAY_SECONDS;
      const wanted = Math.min(last, began.index + Math.floor(passed * (last + 1)));
      slider.set(wanted);
      show(wanted);
      if (wanted === last) rest();
      else requestAnimationFrame(go);
    }

    const slider = playing.slider({
      label: "Step",
      values: run.step.map((_, place) => place),
      value: last,
      words: (place) => `${whole(run.step[place])} of ${whole(run.numSteps)}`,
      onInput(place) {
        rest();
        leavePlaces();
        show(place);
      },
    });
    const play = playing.button({
      label: "Play",
      main: true,
      onClick() {
        if (began) return rest();
        leavePlaces();
        began = { at: performance.now(), index: index === last ? 0 : index };
        play.set({ label: "Pause" });
        requestAnimationFrame(go);
      },
    });
    /** Name no place any more: so each can be chosen again. */
    function leavePlaces() {
      choice.element.querySelector("select").selectedIndex = -1;
    }

    const places = placesOf(run);
    const choice = playing.choice({
      label: "Go to",
      options: places.map(([, text], place) => [place, text]),
      value: places.length - 1,
      onChange(place) {
        rest();
        slider.set(places[place][0]);
        show(places[place][0]);
      },
    });
    const frame = playing.layout(root, {
      title: "Step by step",
      controls: [slider, [play], choice],
      pictures,
      status: inWords(run, last),
    });
    if (run.numSteps > 0 && run.step.length < run.taken)
      playing.note(
        root,
        `Of ${whole(run.taken)} steps ${whole(run.step.length)} are kept here, the lowest and the ` +
          "highest loss of each stretch among them; the mean was taken over all."
      );
  };

  /** Put a button there that copies the script. */
  function offerCopy() {
    const [place, code] = ["copy", "code"].map((id) => document.getElementById(id));
    if (!place || !code) return;
    const copy = playing.button({
      label: "Copy to the clipboard",
      async onClick() {
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        try {
          await navigator.clipboard.writeText(code.textContent);
          copy.set({ label: "Copied" });
        } catch {
          const isCopied = document.execCommand("copy"); // the older way
          copy.set({ label: isCopied ? "Copied" : "Selected: press Ctrl-C or Cmd-C" });
        }
      },
    });
    copy.element.setAttribute("aria-live", "polite");
    place.append(copy.element);
  }

  playing.runPage = {
    valueAt,
    indexOf,
    inWords,
    placesOf,
    open() {
      playing.build(document.querySelector(".playing"));
      offerCopy();
    },
  };
})();
