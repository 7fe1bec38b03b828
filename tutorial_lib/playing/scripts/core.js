// What every panel that plays in a page stands on: controls, charts, a frame, and what starts them.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});
  playing.panels = playing.panels || {};
  playing.recorded = playing.recorded || {};

  const SVG = "http://www.w3.org/2000/svg";
  let ids = 0;

  /* ---- Small things ---- */

  /** Return an element with attributes and children; children are elements or plain text. */
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function svg(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function newId(word) {
    ids += 1;
    return `playing-${word}-${ids}`;
  }

  /** Return a number as a panel writes it: 0.0123, 12.3, 1,230, 2.3e+08; no number is words. */
  function number(value, digits = 3) {
    if (typeof value !== "number" || Number.isNaN(value)) return "not a number";
    if (!Number.isFinite(value)) return value > 0 ? "infinity" : "minus infinity";
    if (value === 0) return "0";
    const [mantissa, power] = value.toExponential(digits - 1).split("e").map(Number);
    if (power < -4 || power >= 6) {
      const sign = power < 0 ? "-" : "+";
      return `${mantissa}e${sign}${String(Math.abs(power)).padStart(2, "0")}`.replace("-", "\u2212");
    }
    const places = Math.max(0, digits - 1 - power);
    let [whole, part] = Math.abs(Number(`${mantissa}e${power}`)).toFixed(places).split(".");
    whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    part = (part || "").replace(/0+$/, "");
    return (value < 0 ? "\u2212" : "") + whole + (part ? `.${part}` : "");
  }

  /** Whether the person has asked for less motion. */
  function calm() {
    return Boolean(window.matchMedia && matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  /* ---- Controls: native ones, each with its label ---- */

  /** A slider over a list of stops; `words(v)` is what is read beside it and aloud. */
  function slider({ label, values, value, words = number, onInput = () => {} }) {
    const input = element("input", { type: "range", id: newId("slider"), step: 1, min: 0 });
    input.max = values.length - 1;
    const shown = element("output", { for: input.id, class: "playing-value", "aria-live": "off" });
    const made = element(
      "div",
      { class: "playing-control playing-slider" },
      element("label", { for: input.id }, label),
      shown,
      input
    );
    const control = {
      element: made,
      get value() {
        return values[Number(input.value)];
      },
      /** Go to the stop nearest to a number, and tell nobody. */
      set(wanted) {
        input.value = nearest(values, wanted);
        tell();
      },
      disable(is) {
        input.disabled = is;
      },
    };
    function tell() {
      shown.textContent = words(control.value);
      input.setAttribute("aria-valuetext", words(control.value));
    }
    input.addEventListener("input", () => {
      tell();
      onInput(control.value);
    });
    control.set(value === undefined ? values[0] : value);
    return control;
  }

  /** Return the index of the stop nearest to a number; among positive stops that spread, by ratio. */
  function nearest(values, wanted) {
    const byRatio = wanted > 0 && values.every((one) => one > 0);
    const far = (one) => Math.abs(byRatio ? Math.log(one / wanted) : one - wanted);
    let best = 0;
    values.forEach((one, index) => {
      if (one === wanted || far(one) < far(values[best])) best = index;
    });
    return best;
  }

  /** One of several; `options` are pairs of a value and its text. */
  function choice({ label, options, value, onChange = () => {} }) {
    const select = element("select", { id: newId("choice") });
    options.forEach(([, text], index) => select.append(element("option", { value: index }, text)));
    const control = {
      element: element(
        "div",
        { class: "playing-control playing-choice" },
        element("label", { for: select.id }, label),
        select
      ),
      get value() {
        return options[Number(select.value)][0];
      },
      set(wanted) {
        const index = options.findIndex(([one]) => one === wanted);
        if (index >= 0) select.value = index;
      },
      disable(is) {
        select.disabled = is;
      },
    };
    select.addEventListener("change", () => onChange(control.value));
    control.set(value === undefined ? options[0][0] : value);
    return control;
  }

  /** A box to tick. */
  function toggle({ label, value = false, onChange = () => {} }) {
    const input = element("input", { type: "checkbox", id: newId("toggle") });
    input.checked = value;
    input.addEventListener("change", () => onChange(input.checked));
    return {
      element: element(
        "div",
        { class: "playing-control playing-toggle" },
        input,
        element("label", { for: input.id }, label)
      ),
      get value() {
        return input.checked;
      },
      set(is) {
        input.checked = is;
      },
      disable(is) {
        input.disabled = is;
      },
    };
  }

  /** A button; with `main` it is the one that a panel is for. */
  function button({ label, onClick, main = false }) {
    const made = element("button", { type: "button", class: "playing-button" }, label);
    if (main) made.classList.add("playing-main");
    made.addEventListener("click", () => onClick());
    return {
      element: made,
      set({ label: text, disabled } = {}) {
        if (text !== undefined) made.textContent = text;
        if (disabled !== undefined) made.disabled = disabled;
      },
    };
  }

  /**
   * A table with a caption; `rows` is given lists of texts, the first of each is its heading. A text
   * in the place of a list is the heading of the lines below it.
   */
  function table({ caption, columns }) {
    const body = element("tbody");
    const head = element("tr");
    columns.forEach((column) => head.append(element("th", { scope: "col" }, column)));
    const made = element("table", {}, element("caption", {}, caption), element("thead", {}, head));
    made.append(body);
    const look = { class: "playing-table", tabindex: 0, role: "region", "aria-label": caption };
    return {
      element: element("div", look, made),
      rows(lines) {
        body.replaceChildren(
          ...lines.map((line) => {
            const row = element("tr");
            if (typeof line === "string") {
              row.append(element("th", { scope: "rowgroup", colspan: columns.length }, line));
              return row;
            }
            line.forEach((text, index) => {
              const isHeading = index === 0 && text !== "";
              row.append(isHeading ? element("th", { scope: "row" }, text) : element("td", {}, text));
            });
            return row;
          })
        );
      },
    };
  }

  /* ---- Charts ---- */

  /** Return from 3 to about `count` round numbers within a range. */
  function linearTicks(from, to, count) {
    const raw = (to - from) / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw * 0.999);
    const ticks = [];
    for (let index = Math.ceil(from / step - 1e-9); index * step <= to + step * 1e-9; index += 1) {
      ticks.push(Number((index * step).toPrecision(12)));
    }
    return ticks;
  }

  /** Return powers of ten within a range; where there are few, twice and five times them, too. */
  function logTicks(from, to, count) {
    const decades = Math.log10(to / from);
    const leads = decades > count / 2 ? [1] : decades > count / 3.5 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / Math.max(1, count)));
    const ticks = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to) + 1e-9; power += 1) {
      if (power % every) continue;
      for (const lead of leads) {
        const tick = Number(`${lead}e${power}`);
        if (tick >= from * 0.9999999 && tick <= to * 1.0000001) ticks.push(tick);
      }
    }
    return ticks.length > 1 ? ticks : linearTicks(from, to, count);
  }

  function ofRole(role, isText = false) {
    if (typeof role === "number") return `var(--play-${((role - 1) % 8) + 1}${isText ? "-ink" : ""})`;
    if (role === "faint") return isText ? "var(--play-muted)" : "var(--play-faint)";
    return "var(--play-ink)";
  }

  /** Round an end of a range up or down a little, so that no line lies on the frame. */
  function fitted(scale, values) {
    const good = values.filter((one) => Number.isFinite(one) && (scale !== "log" || one > 0));
    if (!good.length) return scale === "log" ? [0.1, 1] : [0, 1];
    let low = Infinity;
    let high = -Infinity;
    for (const one of good) {
      low = Math.min(low, one);
      high = Math.max(high, one);
    }
    if (scale === "log") {
      const room = high / low > 1.01 ? (high / low) ** 0.05 : 1.5;
      return [low / room, high * room];
    }
    const room = high > low ? (high - low) * 0.05 : Math.abs(high) * 0.5 || 1;
    return [low - room, high + room];
  }

  /**
   * A picture with two axes that follows its width.
   *
   * An axis is {label, scale: "linear" | "log", from, to, words}; an end that is left out follows
   * the data, `words` writes its ticks. A role is 1 to 8, "ink" or "faint". `height` is a number of
   * pixels, or a function of the width. `beside` is a label, or one as long, that is to come: its room
   * is kept, so that what is drawn does not get narrower by it. What is drawn is on the page before it is painted next.
   */
  function chart({ x, y, alt, height = 300, beside = "" }) {
    const clip = newId("clip");
    const canvas = svg("svg", { class: "playing-chart", role: "img", "aria-label": alt || "" });
    const legend = element("div", { class: "playing-legend", "aria-hidden": "true" });
    const made = element("div", { class: "playing-picture" }, canvas, legend);
    const things = new Map(); // name -> what is drawn, in this order
    let axes = { x: { scale: "linear", ...x }, y: { scale: "linear", ...y } };
    let width = 0;
    let isDue = false;

    function later() {
      if (isDue) return;
      isDue = true;
      queueMicrotask(() => {
        isDue = false;
        draw();
      });
    }

    function range(which) {
      const axis = axes[which];
      let values = [];
      if (axis.from === undefined || axis.to === undefined) {
        const at = which === "x" ? 0 : 1;
        for (const thing of things.values()) {
          if (!thing.points) continue;
          for (const point of thing.points) {
            values.push(point[at]);
            if (thing.kind === "band" && at) values.push(point[2]);
          }
        }
      }
      const [from, to] = values.length ? fitted(axis.scale, values) : fitted(axis.scale, []);
      const ends = [axis.from === undefined ? from : axis.from, axis.to === undefined ? to : axis.to];
      if (!(ends[1] > ends[0])) ends[1] = axis.scale === "log" ? ends[0] * 10 : ends[0] + 1;
      return ends;
    }

    function mapped(axis, [from, to], start, end) {
      if (axis.scale === "log") {
        const low = Math.log(from);
        const span = Math.log(to) - low;
        return (value) =>
          value > 0 ? start + ((Math.log(value) - low) / span) * (end - start) : NaN;
      }
      return (value) => start + ((value - from) / (to - from)) * (end - start);
    }

    function draw() {
      width = made.clientWidth;
      if (!width) return; // hidden: it is drawn when it has a width
      const tall = Math.round(typeof height === "function" ? height(width) : height);
      canvas.setAttribute("viewBox", `0 0 ${width} ${tall}`);
      canvas.setAttribute("height", tall);
      const [xRange, yRange] = [range("x"), range("y")];
      const { fontSize, fontFamily } = getComputedStyle(canvas);
      const widthOf = (text, weight = 400) => textWidth(text, `${weight} ${fontSize} ${fontFamily}`);
      const yWords = axes.y.words || number;
      const xWords = axes.x.words || number;
      const name = wrapped(axes.y.label || "", width - 8, widthOf);
      const top = 10 + 16 * name.length;
      const bottom = tall - (axes.x.label ? 42 : 24);
      const tickCount = Math.max(2, Math.floor((bottom - top) / 34));
      const yTicks = (axes.y.scale === "log" ? logTicks : linearTicks)(...yRange, tickCount);
      const left = 12 + Math.max(12, ...yTicks.map((tick) => widthOf(yWords(tick))));

      const labelled = [...things].filter(([, thing]) => thing.kind === "line" && thing.label);
      const longest = Math.max(...[beside, ...labelled.map(([, thing]) => thing.label)].map((text) => widthOf(text, 600)));
      const isBeside = longest > 0 && longest < 0.3 * width && labelled.length * 16 < bottom - top;
      const right = width - (isBeside ? longest + 14 : 12);
      const toX = mapped(axes.x, xRange, left, right);
      const toY = mapped(axes.y, yRange, bottom, top);
      const parts = [];

      const defs = svg("defs");
      const clipped = svg("clipPath", { id: clip });
      clipped.append(svg("rect", { x: left, y: top - 1, width: Math.max(1, right - left), height: bottom - top + 2 }));
      defs.append(clipped);
      parts.push(defs);

      const grid = svg("g", { class: "playing-grid" });
      const words = svg("g", { class: "playing-ticks" });
      for (const tick of yTicks) {
        const at = toY(tick);
        grid.append(svg("line", { x1: left, x2: right, y1: at, y2: at }));
        words.append(svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, yWords(tick)));
      }
      const wanted = Math.max(2, Math.floor((right - left) / 50));
      const xTicks = (axes.x.scale === "log" ? logTicks : linearTicks)(...xRange, wanted);
      let free = -Infinity; // from here on no tick's words stand
      for (const tick of xTicks) {
        const at = toX(tick);
        const text = xWords(tick);
        const half = widthOf(text) / 2;
        grid.append(svg("line", { x1: at, x2: at, y1: top, y2: bottom }));
        const middle = Math.min(at, width - half - 1);
        if (middle - half < free) continue;
        free = middle + half + 8;
        words.append(svg("text", { x: middle, y: bottom + 16, "text-anchor": "middle" }, text));
      }
      parts.push(grid, words);
      name.forEach((line, index) => {
        parts.push(svg("text", { class: "playing-axis", x: 2, y: 14 + 16 * index }, line));
      });
      if (axes.x.label) {
        const place = { class: "playing-axis", x: (left + right) / 2, y: tall - 6 };
        parts.push(svg("text", { ...place, "text-anchor": "middle" }, axes.x.label));
      }

      const inside = svg("g", { "clip-path": `url(#${clip})` });
      const above = svg("g");
      const ends = [];
      for (const [name, thing] of things) {
        if (thing.kind === "layer") {
          const group = svg("g", { "data-name": name });
          thing.draw(group, { toX, toY, left, right, top, bottom, svg });
          (thing.above ? above : inside).append(group);
        } else if (thing.kind === "line") {
          inside.append(lineOf(name, thing, toX, toY));
          if (isBeside && thing.label) ends.push({ thing, at: endOf(thing, toY, top, bottom) });
        } else if (thing.kind === "band") {
          inside.append(bandOf(name, thing, toX, toY));
        } else {
          above.append(dotsOf(name, thing, toX, toY, [left, right, top, bottom]));
        }
      }
      parts.push(inside, above);
      spread(ends, top + 6, bottom);
      for (const { thing, at } of ends) {
        const look = { x: right + 6, y: at + 4, fill: ofRole(thing.role, true) };
        parts.push(svg("text", { class: "playing-name", ...look }, thing.label));
      }
      canvas.replaceChildren(...parts);
      legend.replaceChildren(
        ...(isBeside ? [] : labelled).map(([, thing]) => {
          const dash = thing.dash ? "5 4" : "none";
          const key = svg("svg", { width: 24, height: 10, viewBox: "0 0 24 10" });
          const look = { stroke: ofRole(thing.role), "stroke-width": 3, "stroke-dasharray": dash };
          key.append(svg("line", { x1: 0, x2: 24, y1: 5, y2: 5, ...look }));
          return element("span", {}, key, thing.label);
        })
      );
    }

    /** What a thing of this name was is replaced, at its place. */
    function put(name, thing) {
      things.set(name, thing);
      later();
    }

    const picture = {
      element: made,
      svg: canvas,
      line(name, points, { role = 1, dash = false, width: stroke = 2, faint = false, label = "" } = {}) {
        put(name, { kind: "line", points, role, dash, stroke, faint, label });
      },
      dots(name, points, { role = 1, radius = 4, label = "", hollow = false } = {}) {
        put(name, { kind: "dots", points, role, radius, label, hollow });
      },
      /** Points are [x, low, high]. */
      band(name, points, { role = 1 } = {}) {
        put(name, { kind: "band", points, role });
      },
      /** Whatever else: `drawn(group, {toX, toY, left, right, top, bottom, svg})` at each drawing. */
      layer(name, drawn, { above = false } = {}) {
        put(name, { kind: "layer", draw: drawn, above });
      },
      remove(name) {
        things.delete(name);
        later();
      },
      clear() {
        things.clear();
        later();
      },
      /** Change some of what is said of the axes. */
      axes(change) {
        axes = { x: { ...axes.x, ...change.x }, y: { ...axes.y, ...change.y } };
        later();
      },
      say(text) {
        canvas.setAttribute("aria-label", text);
      },
      draw,
    };
    new ResizeObserver(() => {
      if (made.clientWidth !== width) later();
    }).observe(made);
    later();
    return picture;
  }

  let measuring = null;
  const known = new Map();
  /** Return how wide a text is in a font, in pixels. */
  function textWidth(text, font) {
    const key = `${font} ${text}`;
    if (!known.has(key)) {
      if (known.size > 5000) known.clear();
      measuring = measuring || document.createElement("canvas").getContext("2d");
      measuring.font = font;
      known.set(key, measuring.measureText(text).width);
    }
    return known.get(key);
  }

  /** Return a text in lines that are not wider than this. */
  function wrapped(text, most, widthOf) {
    const lines = [];
    for (const word of text.split(" ").filter(Boolean)) {
      const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
      if (lines.length && widthOf(longer) <= most) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  function lineOf(name, thing, toX, toY) {
    let path = "";
    let isDown = false;
    for (const [x, y] of thing.points) {
      const [atX, atY] = [toX(x), toY(y)];
      if (!Number.isFinite(atX) || !Number.isFinite(atY)) {
        isDown = false;
        continue;
      }
      const far = Math.max(-1e5, Math.min(1e5, atY)); // what is far outside is drawn outside
      path += `${isDown ? "L" : "M"}${atX.toFixed(1)} ${far.toFixed(1)}`;
      isDown = true;
    }
    return svg("path", {
      d: path,
      fill: "none",
      stroke: ofRole(thing.role),
      "stroke-width": thing.stroke,
      "stroke-opacity": thing.faint === true ? 0.35 : thing.faint || 1,
      "stroke-dasharray": thing.dash ? (thing.dash === true ? "6 4" : thing.dash) : "none",
      "stroke-linejoin": "round",
      "data-name": name,
    });
  }

  function bandOf(name, thing, toX, toY) {
    const good = thing.points.filter((one) => one.every(Number.isFinite));
    const low = good.map(([x, one]) => `${toX(x).toFixed(1)} ${toY(one).toFixed(1)}`);
    const high = good.map(([x, , one]) => `${toX(x).toFixed(1)} ${toY(one).toFixed(1)}`).reverse();
    const d = good.length ? `M${[...low, ...high].join("L")}Z` : "";
    return svg("path", { d, fill: ofRole(thing.role), "fill-opacity": 0.18, "data-name": name });
  }

  function dotsOf(name, thing, toX, toY, [left, right, top, bottom]) {
    const group = svg("g", { "data-name": name });
    for (const [x, y] of thing.points) {
      const [cx, cy] = [toX(x), toY(y)];
      const isInside = cx >= left - 1 && cx <= right + 1 && cy >= top - 1 && cy <= bottom + 1;
      if (!isInside) continue;
      const look = thing.hollow
        ? { fill: "var(--play-ground)", stroke: ofRole(thing.role), "stroke-width": 2 }
        : { fill: ofRole(thing.role) };
      group.append(svg("circle", { cx, cy, r: thing.radius, ...look }));
      if (thing.label) {
        const isRight = cx < (left + right) / 2;
        const place = { x: cx + (isRight ? 1 : -1) * (thing.radius + 5), y: cy + 4 };
        const anchor = isRight ? "start" : "end";
        const words = { ...place, "text-anchor": anchor, fill: ofRole(thing.role, true) };
        group.append(svg("text", { class: "playing-name", ...words }, thing.label));
      }
    }
    return group;
  }

  function endOf(thing, toY, top, bottom) {
    const last = [...thing.points].reverse().find((one) => Number.isFinite(toY(one[1])));
    return last ? Math.min(bottom, Math.max(top, toY(last[1]))) : top;
  }

  /** Move labels, given by their heights, apart until none touches another. */
  function spread(ends, top, bottom) {
    const apart = 15;
    ends.sort((one, other) => one.at - other.at);
    let free = top;
    for (const end of ends) {
      end.at = Math.max(end.at, free);
      free = end.at + apart;
    }
    free = bottom;
    for (const end of [...ends].reverse()) {
      end.at = Math.min(end.at, free);
      free = end.at - apart;
    }
  }

  /* ---- The frame of a panel ---- */

  /**
   * Put controls and pictures together; a list within `controls` is a row of buttons.
   *
   * `status(text)` shows where things stand. It is read aloud once it has stood for a moment, so
   * that what changes many times a second is not, and from the first touch or key on.
   */
  function layout(root, { title, controls = [], pictures = [], status = "" }) {
    const heading = element("p", { class: "playing-title", id: newId("title") }, title);
    const of = (one) => one.element || one;
    const shelf = element("div", { class: "playing-controls" });
    for (const one of controls) {
      shelf.append(
        Array.isArray(one) ? element("div", { class: "playing-row" }, ...one.map(of)) : of(one)
      );
    }
    const shown = element("p", { class: "playing-status" }, status);
    const spoken = element("p", { class: "playing-spoken", role: "status", "aria-live": "polite" });
    const stage = element("div", { class: "playing-pictures" }, ...pictures.map(of));
    const body = element("div", { class: "playing-body" }, shelf, stage);
    root.replaceChildren(heading, body, shown, spoken);
    root.setAttribute("role", "group");
    root.setAttribute("aria-labelledby", heading.id);
    let waiting = null;
    let isInUse = false; // before that nothing is read aloud: a page may have several panels
    for (const sign of ["keydown", "pointerdown", "click", "input", "change"]) {
      root.addEventListener(sign, () => (isInUse = true), { capture: true });
    }
    return {
      controls: shelf,
      pictures: stage,
      status(text) {
        if (shown.textContent === text) return;
        shown.textContent = text;
        clearTimeout(waiting);
        if (!isInUse) return;
        waiting = setTimeout(() => {
          spoken.textContent = text;
        }, 700);
      },
    };
  }

  /** Write the small line below: what is recorded or computed here, where, and when. */
  function note(root, text) {
    let line = root.querySelector(":scope > .playing-note");
    if (!line) root.append((line = element("p", { class: "playing-note" })));
    line.textContent = text;
    return line;
  }

  /* ---- Starting ---- */

  const loaded = new Map(); // address -> promise of its script

  /** Load a script once; the promise fails where it cannot be had. */
  function load(address) {
    if (!loaded.has(address)) {
      loaded.set(
        address,
        new Promise((resolve, reject) => {
          const script = element("script", { src: address });
          script.addEventListener("load", resolve);
          script.addEventListener("error", () => reject(new Error(`no ${address}`)));
          document.head.append(script);
        })
      );
    }
    return loaded.get(address);
  }

  /** Build one panel; where that fails, what stood in its place goes on to stand. */
  async function build(root) {
    if (root.dataset.state) return;
    root.dataset.state = "loading";
    try {
      const base = root.dataset.base || "";
      for (const name of (root.dataset.scripts || "").split(/\s+/).filter(Boolean)) {
        await load(base + name);
      }
      const options = root.dataset.options ? JSON.parse(root.dataset.options) : {};
      playing.panels[root.dataset.panel](root, options);
      root.dataset.state = "alive";
    } catch (trouble) {
      root.replaceChildren();
      root.dataset.state = "failed";
      console.warn(`The panel ${root.dataset.panel} does not play:`, trouble);
      return;
    }
    const around = root.dataset.within ? root.closest(root.dataset.within) : root.parentElement;
    for (const still of around.querySelectorAll(".playing-still")) still.hidden = true;
  }

  /** Build each panel of a page when it comes near the screen. */
  function start(page) {
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          build(target);
        }
      },
      { rootMargin: "600px" }
    );
    for (const root of page.querySelectorAll(".playing[data-panel]")) near.observe(root);
  }

  Object.assign(playing, {
    ...{ element, number, calm, nearest, slider, choice, toggle, button, table, chart, layout, note },
    ...{ start, build, load, linearTicks, logTicks, spread },
  });
})();
