// A pad to draw a digit on, by mouse, pen, finger or keys: LeNet reads it here, in the page.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  const SIDE = 280; // pixels of the drawing, whatever its size on the screen
  const PEN = 18; // their width of a line
  const STEP = 7; // pixels that a key moves the pen; with Shift four times as many
  const NOBODY = null;
  const NOTHING_DRAWN = "Draw a digit, 0 to 9.";
  const KEYS =
    "Keys: arrows move the pen, Shift makes longer steps, Space puts it down or lifts it, " +
    "Delete clears the paper.";
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // One way to write each digit, on a sheet of 100 x 100; those of labs/digit_pad/handwriting.py.
  const STROKES = [
    [[[50, 18], [38, 23], [31, 36], [29, 52], [32, 67], [40, 79], [50, 82], [61, 78], [69, 65],
      [71, 50], [69, 34], [62, 22], [50, 18]]],
    [[[43, 29], [52, 18], [50, 50], [48, 82]]],
    [[[30, 34], [34, 24], [45, 18], [58, 19], [67, 28], [66, 41], [56, 55], [42, 69], [29, 81],
      [50, 80], [73, 80]]],
    [[[32, 24], [44, 18], [58, 19], [66, 28], [63, 40], [54, 47], [44, 48], [58, 51], [68, 60],
      [67, 72], [57, 81], [43, 82], [30, 76]]],
    [[[36, 20], [32, 38], [30, 53], [48, 54], [70, 52]], [[64, 20], [63, 50], [61, 83]]],
    [[[68, 20], [40, 20], [37, 46], [50, 43], [63, 47], [69, 59], [66, 73], [54, 82], [40, 81],
      [30, 74]]],
    [[[60, 18], [46, 28], [36, 45], [32, 61], [36, 75], [48, 82], [60, 79], [66, 68], [62, 57],
      [51, 53], [40, 58], [34, 67]]],
    [[[29, 23], [50, 22], [71, 21], [63, 42], [54, 62], [47, 83]]],
    [[[62, 25], [50, 18], [38, 24], [38, 36], [50, 47], [62, 59], [65, 71], [57, 81], [44, 81],
      [36, 71], [40, 58], [53, 46], [63, 36], [62, 25]]],
    [[[65, 34], [58, 22], [46, 19], [36, 27], [34, 40], [42, 50], [54, 49], [64, 38], [65, 34],
      [63, 55], [58, 83]]],
  ];

  /** Read the ink of a canvas, one byte a pixel: 0 is paper, 255 is ink. */
  function inkOf(canvas) {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i + 3]);
  }

  /** Show ink on a canvas. */
  function show(canvas, ink) {
    const { width, height } = canvas;
    const image = new ImageData(width, height);
    ink.forEach((one, i) => (image.data[4 * i + 3] = one));
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** Say what is recorded here, where and when, and what the page computes. */
  function noteOf(made) {
    const { share, of } = made.accuracy.test;
    return (
      `The network was trained on ${made.date}, with torch ${made.torch} on ${made.processor}: ` +
      `LeNet5, ${made.parameters.toLocaleString("en")} weights; ${made.settings}. It names ` +
      `${(100 * share).toFixed(1)}% of ${of} test digits right. These weights are recorded; what ` +
      "it answers is computed here, in your browser, and nothing you draw leaves it."
    );
  }

  playing.panels = playing.panels || {};
  playing.panels.pad = function (root) {
    const made = playing.recorded.lenet;
    const weights = playing.lenet.network(made.weights);
    const { element } = playing;

    const paper = element("canvas", {
      ...{ class: "playing-paper", width: SIDE, height: SIDE, tabindex: 0, role: "application" },
      ...{ "aria-label": "Paper to draw a digit on", "aria-description": KEYS },
    });
    const nib = element("span", { class: "playing-nib", hidden: "" });
    const seen = element("canvas", {
      ...{ class: "playing-seen", width: playing.lenet.FIELD, height: playing.lenet.FIELD },
      ...{ role: "img", "aria-label": "Your drawing as the network sees it" },
    });
    const rows = STROKES.map((_, digit) => {
      const [name, bar] = [element("b", {}, String(digit)), element("i", {})];
      const percent = element("span", { class: "playing-percent" });
      return { bar, percent, element: element("li", {}, name, element("span", {}, bar), percent) };
    });
    const bars = element("ol", { class: "playing-bars", "aria-label": "How sure the network is" });
    bars.append(...rows.map((row) => row.element));

    const pen = paper.getContext("2d", { willReadFrequently: true });
    pen.lineWidth = PEN;
    pen.lineCap = pen.lineJoin = "round";
    let holder = NOBODY; // which pointer is drawing
    let at = [SIDE / 2, SIDE / 2]; // where the pen of the keys is
    let isDown = false; // whether that pen draws
    let last = at;

    function dot([x, y]) {
      pen.beginPath();
      pen.arc(x, y, PEN / 2, 0, 2 * Math.PI); // of a line without a length nothing is drawn
      pen.fill();
      last = [x, y];
    }

    function lineTo([x, y]) {
      pen.beginPath();
      pen.moveTo(...last);
      pen.lineTo(x, y);
      pen.stroke();
      last = [x, y];
    }

    function placeOf(event) {
      const { left, top, width, height } = paper.getBoundingClientRect();
      const [edgeX, edgeY] = [paper.clientLeft, paper.clientTop];
      return [
        ((event.clientX - left - edgeX) * SIDE) / (width - 2 * edgeX),
        ((event.clientY - top - edgeY) * SIDE) / (height - 2 * edgeY),
      ];
    }

    /** Let the network read what is on the paper. */
    function look() {
      const digit = playing.lenet.asMnist(inkOf(paper), SIDE, SIDE);
      show(seen, digit);
      const isEmpty = !digit.some(Boolean);
      clear.set({ disabled: isEmpty });
      const probabilities = isEmpty ? [] : playing.lenet.read(weights, digit);
      const best = probabilities.indexOf(Math.max(...probabilities));
      rows.forEach((row, place) => {
        const percent = 100 * (probabilities[place] || 0);
        row.element.classList.toggle("playing-best", place === best);
        row.bar.style.width = `${percent}%`;
        row.percent.textContent = isEmpty ? "" : `${percent.toFixed(0)} %`;
      });
      frame.status(
        isEmpty
          ? NOTHING_DRAWN
          : `The network reads ${best === 8 ? "an" : "a"} ${best} (${(100 * probabilities[best]).toFixed(0)} %).`
      );
    }

    function wipe() {
      pen.clearRect(0, 0, SIDE, SIDE);
      isDown = false;
      mark();
    }

    /** Show where the pen of the keys is, while the paper has the focus by a key. */
    function mark() {
      nib.hidden = !paper.matches(":focus-visible");
      nib.classList.toggle("playing-down", isDown);
      nib.style.left = `${(100 * at[0]) / SIDE}%`;
      nib.style.top = `${(100 * at[1]) / SIDE}%`;
    }

    function lift() {
      if (!isDown) return;
      isDown = false;
      look();
    }

    const clear = playing.button({
      label: "Clear",
      onClick() {
        preset.set("");
        wipe();
        look();
      },
    });
    const preset = playing.choice({
      label: "or show it a",
      options: [["", "–"], ...STROKES.map((_, digit) => [digit, String(digit)])],
      value: "",
      onChange(digit) {
        wipe();
        for (const stroke of digit === "" ? [] : STROKES[digit]) {
          const points = stroke.map((point) => point.map((one) => (one * SIDE) / 100));
          dot(points[0]);
          points.slice(1).forEach(lineTo);
        }
        look();
      },
    });

    paper.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      event.preventDefault(); // no selecting of text
      paper.focus({ preventScroll: true, focusVisible: false });
      paper.setPointerCapture(event.pointerId);
      holder = event.pointerId;
      isDown = false;
      preset.set("");
      dot(placeOf(event));
      mark();
    });
    paper.addEventListener("pointermove", (event) => {
      if (event.pointerId !== holder) return;
      const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const point of passed.length ? passed : [event]) lineTo(placeOf(point));
    });
    for (const end of ["pointerup", "pointercancel"])
      paper.addEventListener(end, (event) => {
        if (event.pointerId !== holder) return;
        holder = NOBODY;
        look();
      });

    paper.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || holder !== NOBODY) return;
      if (event.key in ARROWS) {
        const far = STEP * (event.shiftKey ? 4 : 1);
        at = at.map((one, way) => Math.min(SIDE, Math.max(0, one + far * ARROWS[event.key][way])));
        if (isDown) lineTo(at);
      } else if (event.key === " " && !event.repeat) {
        if (isDown) lift();
        else {
          isDown = true;
          preset.set("");
          dot(at);
          frame.status("The pen is down. Space lifts it, and the network reads.");
        }
      } else if (event.key === "Delete" || event.key === "Backspace") {
        preset.set("");
        wipe();
        look();
      } else if (event.key !== " ") return;
      event.preventDefault(); // no scrolling
      mark();
    });
    paper.addEventListener("focus", mark);
    paper.addEventListener("blur", () => {
      lift();
      mark();
    });

    const sheet = element("div", { class: "playing-sheet" }, paper, nib);
    const small = element(
      "figure",
      { class: "playing-small" },
      seen,
      element("figcaption", {}, "what the network sees: 28 × 28")
    );
    const keys = element("p", { class: "playing-keys" }, KEYS);
    const frame = playing.layout(root, {
      title: "Draw a digit, and a trained LeNet reads it",
      controls: [[clear], preset],
      pictures: [sheet, bars, small, keys],
      status: NOTHING_DRAWN,
    });
    playing.note(root, noteOf(made));
    look();
  };
  playing.pad = { STROKES, SIDE, inkOf };
})();
