// The pad in the browser: a canvas to draw on, the picture that the network sees, and a bar for
// each class. The kernel gets `drawing` when the pen is lifted, and sets `words`, `seen`, and what
// the bars show: `names` and `probabilities`.

const SIDE = 280; // pixels of the drawing, whatever its size on the screen
const PEN = 18; // their width of a line
const FIELD = 28; // pixels of the picture that the network sees
const NO_PEN = null;

const MARKUP = `
  <canvas class="digit-pad-paper" width="${SIDE}" height="${SIDE}" role="img"
    aria-label="Paper: draw here with mouse, pen or finger"></canvas>
  <div class="digit-pad-middle">
    <button type="button" class="digit-pad-clear">Clear</button>
    <label class="digit-pad-presets">or show it a
      <select class="digit-pad-preset" aria-label="A digit that is drawn for you">
        <option value="">–</option>
        ${[...Array(10).keys()].map((digit) => `<option>${digit}</option>`).join("")}
      </select>
    </label>
    <figure>
      <canvas class="digit-pad-seen" width="${FIELD}" height="${FIELD}" role="img"
        aria-label="Your drawing as the network sees it"></canvas>
      <figcaption>what the network sees: ${FIELD} × ${FIELD}</figcaption>
    </figure>
  </div>
  <div class="digit-pad-answer">
    <p class="digit-pad-words" aria-live="polite"></p>
    <ol class="digit-pad-bars"></ol>
  </div>`;

/** Draw one byte a pixel as black ink: 0 is paper, 255 is ink. */
function show(canvas, ink) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < ink.byteLength; i++) image.data[4 * i + 3] = ink.getUint8(i);
  context.putImageData(image, 0, 0);
}

/** Read the ink of a canvas, one byte a pixel. */
function inkOf(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const ink = new DataView(new ArrayBuffer(data.length / 4));
  for (let i = 0; i < ink.byteLength; i++) ink.setUint8(i, data[4 * i + 3]);
  return ink;
}

/** Make a bar for a class; its name is text, whatever it holds. */
function bar(name) {
  const item = document.createElement("li");
  item.innerHTML = "<b></b><span><i></i></span><data></data>"; // an <output> would be spoken
  item.firstChild.textContent = item.firstChild.title = name;
  return item;
}

function render({ model, el }) {
  el.classList.add("digit-pad");
  el.innerHTML = MARKUP;
  // Keys pressed here are not JupyterLab's: it reads the mark of what has the focus alone,
  for (const part of [el, ...el.querySelectorAll("button, select")])
    part.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => event.stopPropagation()); // nor its notebook's
  const paper = el.querySelector(".digit-pad-paper");
  const clear = el.querySelector(".digit-pad-clear");
  const preset = el.querySelector(".digit-pad-preset");
  const seen = el.querySelector(".digit-pad-seen");
  const words = el.querySelector(".digit-pad-words");
  const presets = el.querySelector(".digit-pad-presets");
  const bars = el.querySelector(".digit-pad-bars");

  const pen = paper.getContext("2d", { willReadFrequently: true });
  pen.lineWidth = PEN;
  pen.lineCap = pen.lineJoin = "round";
  let down = NO_PEN; // which pointer is drawing
  let last = [0, 0];

  function lineTo(event) {
    const { left, top, width, height } = paper.getBoundingClientRect();
    const to = [((event.clientX - left) * SIDE) / width, ((event.clientY - top) * SIDE) / height];
    pen.beginPath();
    if (event.type === "pointerdown") {
      pen.arc(...to, PEN / 2, 0, 2 * Math.PI); // a dot: of a line without a length nothing is drawn
      pen.fill();
    } else {
      pen.moveTo(...last);
      pen.lineTo(...to);
      pen.stroke();
    }
    last = to;
  }

  function send(ink) {
    model.set("drawing", ink);
    model.save_changes();
  }

  paper.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault(); // no selecting of text, no dragging of cells
    paper.setPointerCapture(event.pointerId);
    down = event.pointerId;
    preset.value = "";
    lineTo(event);
  });
  paper.addEventListener("pointermove", (event) => {
    if (event.pointerId !== down) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const point of passed.length ? passed : [event]) lineTo(point);
  });
  for (const end of ["pointerup", "pointercancel"])
    paper.addEventListener(end, (event) => {
      if (event.pointerId !== down) return;
      down = NO_PEN;
      send(inkOf(paper));
    });
  /** Disable Clear where there is nothing to clear; while it has the focus, in words alone. */
  function restClear() {
    const rests = !model.get("drawing").byteLength;
    clear.setAttribute("aria-disabled", rests);
    clear.disabled = rests && clear.getRootNode().activeElement !== clear;
  }
  clear.addEventListener("blur", () => setTimeout(restClear));
  clear.addEventListener("click", () => {
    preset.value = "";
    send(new DataView(new ArrayBuffer(0)));
  });
  preset.addEventListener("change", () => {
    if (preset.value) model.send({ preset: Number(preset.value) });
  });

  const followers = {
    drawing: () => {
      if (down === NO_PEN) show(paper, model.get("drawing")); // never under a moving pen
      restClear();
    },
    seen: () => show(seen, model.get("seen")),
    words: () => {
      words.textContent = model.get("words");
    },
    names: () => {
      const names = model.get("names");
      bars.replaceChildren(...names.map(bar));
      const longest = Math.max(...names.map((name) => name.length));
      bars.style.setProperty("--digit-pad-name", `${Math.min(8 + 8 * longest, 112)}px`);
      followers.probabilities();
    },
    reads_digits: () => {
      presets.hidden = !model.get("reads_digits");
    },
    probabilities: () => {
      const probabilities = model.get("probabilities");
      const highest = Math.max(...probabilities);
      [...bars.children].forEach((item, row) => {
        const percent = 100 * (probabilities[row] ?? 0);
        item.classList.toggle("digit-pad-best", probabilities[row] === highest);
        item.querySelector("i").style.width = `${percent}%`;
        item.querySelector("data").textContent = probabilities.length
          ? `${percent.toFixed(0)} %`
          : "";
      });
    },
  };
  for (const [name, follow] of Object.entries(followers)) {
    model.on(`change:${name}`, follow);
    follow();
  }
  return () => {
    for (const [name, follow] of Object.entries(followers)) model.off(`change:${name}`, follow);
  };
}

export default { render };
