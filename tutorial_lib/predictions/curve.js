// A paper with the axes of a training's picture, on which a learner draws the expected loss: by
// mouse, pen or finger, or by keys that move a point. The kernel gets `sketch` when the pen is
// lifted, and sets all else; the run that is under way comes as `run`, and is drawn over it.

const SVG = "http://www.w3.org/2000/svg";
const COLUMNS = 128; // to one of which each point that a pen draws belongs
const WIDEST = 640, NARROWEST = 260, HEIGHT = 300; // pixels of the page
const LEFT = 56, RIGHT = 18, TOP = 12, BOTTOM = 44; // between the axes and the paper's edges
const STEPS_ALONG = 20, STEPS_UP = 40; // of a key, across the axes
const LARGE = 5; // of those steps, with Shift
const MOST_UNDONE = 50;
const NO_PEN = null;

const MARKUP = `
  <svg class="predict-curve-paper" tabindex="0" role="slider" height="${HEIGHT}"></svg>
  <div class="predict-curve-keys">Arrows move and change the point, with Shift by more. Enter puts it
    down, Delete clears, Ctrl-Z undoes.</div>
  <div class="predict-curve-buttons">
    <button type="button" class="predict-curve-undo">Undo</button>
    <button type="button" class="predict-curve-clear">Clear</button>
    <button type="button" class="predict-curve-again">Draw anew</button>
  </div>`;

/** Make a part of a picture; what is undefined is left out. */
function part(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Set what is not so yet: whoever listens for changes hears of real ones only. */
function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const rounded = (value, digits) => Number(value.toPrecision(digits));

/** Return the loss of a curve at an epoch, on lines between its points; undefined beside it. */
function lossAt(points, x) {
  const after = points.findIndex((point) => point[0] >= x);
  if (after < 0 || (after === 0 && points[0][0] > x)) return undefined;
  const [x1, y1] = points[after];
  if (after === 0 || x1 === x) return y1;
  const [x0, y0] = points[after - 1];
  return y0 * (y1 / y0) ** ((x - x0) / (x1 - x0));
}

function render({ model, el }) {
  const ending = new AbortController(), { signal } = ending;
  el.classList.add("predict-curve");
  el.innerHTML = MARKUP;
  const paper = el.querySelector("svg");
  const [undo, clear, again] = el.querySelectorAll("button");
  const keys = el.querySelector(".predict-curve-keys");
  keys.id = `predict-curve-keys-${Math.random().toString(36).slice(2)}`;
  const still = part("g", { class: "predict-curve-axes" });
  const inside = part("svg", { overflow: "hidden" }); // nothing is drawn beyond the axes
  const sketched = part("path", { class: "predict-curve-you" });
  const ran = part("path", { class: "predict-curve-run" });
  const dot = part("circle", { class: "predict-curve-dot", r: 3.5 });
  const legend = part("g", { class: "predict-curve-legend" });
  const point = part("circle", { class: "predict-curve-point", r: 6 });
  inside.append(ran, sketched, dot);
  paper.append(still, inside, legend, point);
  setAll(paper, { "aria-describedby": keys.id, "aria-label": "The loss that you expect" });

  let sketch = []; // [epoch, loss] from left to right, as it is shown
  const before = []; // what it was, for undo
  let down = NO_PEN; // which pointer draws
  let last; // where it was
  let cursor = { x: 0, y: undefined }; // the point that keys move
  let turned; // where keys have changed the loss last: one undo takes all of it back
  let width = NARROWEST;

  // Where an epoch and a loss are on the paper, and the other way round.
  const axes = () => model.get("axes");
  const across = () => width - LEFT - RIGHT;
  const up = HEIGHT - TOP - BOTTOM;
  const ends = () => axes().losses.map(Math.log10);
  const left = (x) => LEFT + (x / axes().epochs) * across();
  function top(y) {
    const [low, high] = ends();
    const log = clamp(Math.log10(y), low - 1, high + 1);
    return TOP + ((high - log) / (high - low)) * up;
  }
  function placeOf(event) {
    const box = paper.getBoundingClientRect();
    const [low, high] = ends();
    const scale = width / box.width; // where there is too little room, the paper shrinks
    const x = clamp(((event.clientX - box.left) * scale - LEFT) / across(), 0, 1);
    const y = clamp(((event.clientY - box.top) * scale - TOP) / up, 0, 1);
    return [Math.round(x * COLUMNS), rounded(10 ** (high - y * (high - low)), 4)];
  }
  const epochOf = (column) => rounded((column / COLUMNS) * axes().epochs, 6);

  /** Put points down in place of those that are between two epochs, these included. */
  function overwrite(from, to, points) {
    const gap = 1e-9 * axes().epochs;
    const kept = sketch.filter(([x]) => x < from - gap || x > to + gap);
    sketch = [...kept, ...points].sort((one, other) => one[0] - other[0]);
  }

  function strokeTo([column, y]) {
    const [first, y0] = last ?? [column, y];
    const points = [];
    const side = Math.sign(column - first);
    for (let at = first; side && at !== column; at += side)
      points.push([epochOf(at), rounded(y0 * (y / y0) ** ((at - first) / (column - first)), 4)]);
    if (last) points.shift(); // it is there
    points.push([epochOf(column), y]);
    const reached = points.map(([x]) => x);
    overwrite(Math.min(...reached), Math.max(...reached), points);
    last = [column, y];
    [cursor.x, cursor.y] = [epochOf(column), undefined];
  }

  const isLocked = () => model.get("locked");
  const remember = () => {
    before.push(sketch);
    if (before.length > MOST_UNDONE) before.shift();
  };
  function send() {
    model.set("sketch", sketch);
    model.save_changes();
  }
  function changed() {
    send();
    show();
  }

  // Drawing by hand.

  paper.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault(); // no selecting of text, no dragging of cells
    paper.focus({ preventScroll: true });
    if (isLocked()) return;
    paper.setPointerCapture(event.pointerId);
    remember();
    [down, last, turned] = [event.pointerId, undefined, undefined];
    strokeTo(placeOf(event));
    show();
  });
  paper.addEventListener("pointermove", (event) => {
    if (event.pointerId !== down) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const moved of passed.length ? passed : [event]) strokeTo(placeOf(moved));
    show();
  });
  for (const end of ["pointerup", "pointercancel"])
    paper.addEventListener(end, (event) => {
      if (event.pointerId !== down) return;
      down = NO_PEN;
      changed();
    });

  // Drawing by keys.

  const isUndo = ({ key, altKey, ctrlKey, metaKey }) =>
    key.toLowerCase() === "z" && (ctrlKey || metaKey) && !altKey;

  /** Return where the point is: on the curve, or beside it as high as its nearest end. */
  function lossOfPoint() {
    if (cursor.y !== undefined) return cursor.y;
    const there = lossAt(sketch, cursor.x);
    if (there !== undefined) return there;
    const near = cursor.x < sketch[0]?.[0] ? sketch[0] : sketch.at(-1);
    return near?.[1] ?? rounded(Math.sqrt(axes().losses[0] * axes().losses[1]), 3);
  }

  function putDown(y) {
    if (turned !== cursor.x) remember();
    turned = cursor.x;
    const half = axes().epochs / STEPS_ALONG / 2;
    overwrite(cursor.x - half, cursor.x + half, [[cursor.x, y]]);
    cursor.y = undefined;
    changed();
  }

  function moveAlong(steps) {
    const step = axes().epochs / STEPS_ALONG;
    const at = Math.round(cursor.x / step) + steps;
    const y = lossOfPoint();
    cursor.x = rounded(clamp(at, 0, STEPS_ALONG) * step, 6);
    cursor.y = sketch.length ? undefined : y;
    turned = undefined;
    show();
  }

  function moveUp(steps) {
    if (isLocked()) return;
    const [low, high] = ends();
    const log = Math.log10(lossOfPoint()) + (steps * (high - low)) / STEPS_UP;
    putDown(rounded(10 ** clamp(log, low, high), 3));
  }

  function takeBack() {
    if (isLocked() || !before.length) return;
    sketch = before.pop();
    [cursor.y, turned] = [undefined, undefined];
    changed();
  }

  function wipe() {
    if (isLocked() || !sketch.length) return;
    remember();
    sketch = [];
    turned = undefined;
    changed();
  }

  const actions = {
    ArrowRight: (size) => moveAlong(size),
    ArrowLeft: (size) => moveAlong(-size),
    ArrowUp: (size) => moveUp(size),
    ArrowDown: (size) => moveUp(-size),
    PageUp: () => moveUp(LARGE),
    PageDown: () => moveUp(-LARGE),
    Home: () => moveAlong(-STEPS_ALONG),
    End: () => moveAlong(STEPS_ALONG),
    Enter: () => isLocked() || putDown(lossOfPoint()),
    " ": () => isLocked() || putDown(lossOfPoint()),
    Delete: wipe,
    Backspace: wipe,
  };
  paper.addEventListener("keydown", (event) => {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || !actions[key] || (shiftKey && key === "Enter")) return;
    else actions[key](shiftKey ? LARGE : 1);
    event.preventDefault(); // no scrolling
    event.stopPropagation();
  });
  // Keys pressed here are not the front end's: it reads the mark of what has the focus alone.
  const isOurs = ({ key, altKey, ctrlKey, metaKey, shiftKey }) =>
    !(altKey || ctrlKey || metaKey || (shiftKey && key === "Enter")) &&
    !/^(Escape|Tab|F\d+)$/.test(key);
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.target === paper && isUndo(event)) {
        takeBack();
        event.preventDefault();
        event.stopImmediatePropagation(); // else the front end undoes what was typed into a cell
      } else if (el.contains(event.target))
        event.target.toggleAttribute("data-lm-suppress-shortcuts", isOurs(event));
    },
    { capture: true, signal },
  );
  el.addEventListener("keydown", (event) => isOurs(event) && event.stopPropagation(), { signal });

  function tellUse(isUsed) {
    if (model.get("in_use") === isUsed) return;
    model.set("in_use", isUsed);
    model.save_changes();
  }
  el.addEventListener("focusin", () => tellUse(true));
  el.addEventListener("focusout", (event) => tellUse(el.contains(event.relatedTarget)));

  undo.addEventListener("click", takeBack);
  clear.addEventListener("click", wipe);
  again.addEventListener("click", () => {
    model.send({ again: true });
    paper.focus({ preventScroll: true });
  });

  // Showing.

  function showAxes() {
    const { epochs, losses, along, upward } = axes();
    const [right, bottom] = [width - RIGHT, HEIGHT - BOTTOM];
    setAll(paper, { width, viewBox: `0 0 ${width} ${HEIGHT}` });
    setAll(inside, { x: LEFT, y: TOP, width: across(), height: up });
    setAll(inside, { viewBox: `${LEFT} ${TOP} ${across()} ${up}` });
    const lines = [], words = [];
    for (const [x, text] of along) {
      lines.push({ x1: left(x), x2: left(x), y1: TOP, y2: bottom });
      words.push([{ x: left(x), y: bottom + 16, "text-anchor": "middle" }, text]);
    }
    for (const [y, text] of upward) {
      lines.push({ x1: LEFT, x2: right, y1: top(y), y2: top(y) });
      words.push([{ x: LEFT - 8, y: top(y) + 4, "text-anchor": "end" }, text]);
    }
    const middle = (TOP + bottom) / 2;
    words.push([{ x: (LEFT + right) / 2, y: HEIGHT - 8, "text-anchor": "middle" }, "epochs"]);
    const turn = `rotate(-90 13 ${middle})`;
    words.push([{ x: 13, y: middle, "text-anchor": "middle", transform: turn }, "loss"]);
    still.replaceChildren(
      part("rect", { class: "predict-curve-ground", x: LEFT, y: TOP, width: across(), height: up }),
      ...lines.map((line) => part("line", { class: "predict-curve-grid", ...line })),
      part("path", { class: "predict-curve-frame", d: `M${LEFT},${TOP}V${bottom}H${right}` }),
      ...words.map(([place, text]) => part("text", place, text)),
    );
    setAll(paper, { "aria-valuemin": losses[0], "aria-valuemax": losses[1] });
    cursor.x = Math.min(cursor.x, epochs);
  }

  const lineOf = (points) =>
    points.map(([x, y], n) => `${n ? "L" : "M"}${left(x).toFixed(1)},${top(y).toFixed(1)}`).join("");

  function showLegend() {
    const entries = [];
    if (sketch.length) entries.push(["you", isLocked() ? "you expected (locked)" : "you expect"]);
    if (model.get("run").length) entries.push(["run", "the run"]);
    const x = width - RIGHT - 200; // room for the longest entry, in wide fonts too
    const hint = ["Draw here, from left to right,", "the loss that you expect"];
    const middle = { x: LEFT + across() / 2, "text-anchor": "middle" };
    legend.replaceChildren(
      ...entries.flatMap(([kind, text], row) => [
        part("path", { class: `predict-curve-${kind}`, d: `M${x},${TOP + 12 + 18 * row}h30` }),
        part("text", { x: x + 38, y: TOP + 16 + 18 * row }, text),
      ]),
      ...(entries.length || isLocked()
        ? []
        : hint.map((text, row) => part("text", { ...middle, y: TOP + up / 2 + 20 + 18 * row }, text))),
    );
  }

  function wordsOfPoint() {
    const epoch = `epoch ${rounded(cursor.x, 3)}`;
    const said = (y) => String(rounded(y, 3));
    const mine = lossAt(sketch, cursor.x);
    const its = lossAt(model.get("run"), cursor.x);
    if (its === undefined)
      return mine === undefined ? `${epoch}, nothing drawn` : `${epoch}, loss ${said(mine)}`;
    const expected = mine === undefined ? "nothing drawn" : `you expected ${said(mine)}`;
    return `${epoch}, ${expected}, the run had ${said(its)}`;
  }

  function show() {
    sketched.setAttribute("d", lineOf(sketch));
    dot.toggleAttribute("hidden", sketch.length !== 1);
    if (sketch.length === 1) setAll(dot, { cx: left(sketch[0][0]), cy: top(sketch[0][1]) });
    setAll(point, { cx: left(cursor.x), cy: clamp(top(lossOfPoint()), TOP, TOP + up) });
    showLegend();
    const locked = isLocked();
    setAll(paper, {
      "aria-valuenow": lossOfPoint(),
      "aria-valuetext": wordsOfPoint(),
      "aria-readonly": locked,
    });
    el.classList.toggle("predict-curve-locked", locked);
    undo.disabled = locked || !before.length;
    clear.disabled = locked || !sketch.length;
    again.hidden = !model.get("done");
    undo.hidden = clear.hidden = model.get("done");
  }

  function showRun() {
    ran.setAttribute("d", lineOf(model.get("run")));
    show();
  }

  function showAll() {
    showAxes();
    showRun();
  }

  const followers = {
    sketch: () => {
      if (down !== NO_PEN || model.get("sketch") === sketch) return; // never under a moving pen
      sketch = model.get("sketch");
      before.length = 0;
      [cursor.y, turned] = [undefined, undefined];
      show();
    },
    run: showRun,
    axes: showAll,
    colours: () => {
      const { you, run } = model.get("colours");
      el.style.setProperty("--predict-you", you);
      el.style.setProperty("--predict-run", run);
    },
    locked: () => {
      if (isLocked() && down !== NO_PEN) {
        down = NO_PEN; // what is being drawn comes too late
        sketch = model.get("sketch");
      }
      show();
    },
    done: show,
  };
  const sizes = new ResizeObserver(() => {
    const room = clamp(el.clientWidth, NARROWEST, WIDEST);
    if (!el.clientWidth || room === width) return; // it is hidden, or as wide as before
    width = room;
    showAll();
  });
  sizes.observe(el);
  sketch = model.get("sketch");
  showAll();
  followers.colours();
  for (const [name, follow] of Object.entries(followers)) model.on(`change:${name}`, follow);
  return () => {
    ending.abort();
    sizes.disconnect();
    for (const [name, follow] of Object.entries(followers)) model.off(`change:${name}`, follow);
  };
}

export default { render };
