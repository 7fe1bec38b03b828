// What the panels that compute in a page share: numbers as Python writes them, stops, their frame.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});
  playing.panels = playing.panels || {};

  /* ---- Numbers as Python writes them, so that a page says what the notebook's panel says ---- */

  /** Write a number as Python's format(value, ".{digits}g"): 0.0123, 1e-05, 2.5e+08, nan, -inf. */
  function general(value, digits = 6) {
    if (!Number.isFinite(value)) return special(value);
    const sign = isNegative(value) ? "-" : "";
    if (value === 0) return `${sign}0`;
    const [kept, power] = rounded(Math.abs(value), digits);
    if (power < -4 || power >= digits) {
      const size = String(Math.abs(power)).padStart(2, "0");
      return `${sign}${trimmed(`${kept[0]}.${kept.slice(1)}`)}e${power < 0 ? "-" : "+"}${size}`;
    }
    if (power < 0) return sign + trimmed(`0.${"0".repeat(-power - 1)}${kept}`);
    return sign + trimmed(`${kept.slice(0, power + 1)}.${kept.slice(power + 1)}`);
  }

  /** Write a number as Python's format(value, ".{decimals}f"). */
  function fixed(value, decimals) {
    if (!Number.isFinite(value)) return special(value);
    const sign = isNegative(value) ? "-" : "";
    const size = Math.abs(value);
    if (size >= 1e21) return `${sign}${BigInt(size)}.${"0".repeat(decimals)}`;
    const exact = size.toFixed(100);
    const end = exact.indexOf(".") + 1 + decimals;
    const kept = exact.slice(0, end);
    return sign + (isTie(exact.slice(end)) && isEven(kept) ? kept : size.toFixed(decimals));
  }

  /** Put a plus before what is not negative, as Python's "+" does. */
  function signed(text) {
    return text.startsWith("-") ? text : `+${text}`;
  }

  /** Return the first digits of a positive number, and the power of ten of the first of them. */
  function rounded(size, digits) {
    const [exact, exactPower] = size.toExponential(100).replace(".", "").split("e");
    const kept = exact.slice(0, digits);
    // JavaScript rounds up what lies just in the middle, Python to the even digit.
    if (isTie(exact.slice(digits)) && isEven(kept)) return [kept, Number(exactPower)];
    const [text, power] = size.toExponential(digits - 1).split("e");
    return [text.replace(".", ""), Number(power)];
  }

  function isTie(rest) {
    return /^50*$/.test(rest);
  }

  function isEven(kept) {
    return "02468".includes(kept.replace(".", "").slice(-1));
  }

  function isNegative(value) {
    return value < 0 || Object.is(value, -0);
  }

  function trimmed(text) {
    return text.replace(/\.?0*$/, "");
  }

  function special(value) {
    if (Number.isNaN(value)) return "nan";
    return value < 0 ? "-inf" : "inf";
  }

  /** Join names as Python's names_in_words does: "a, b and c". */
  function listed(names) {
    const most = names.slice(0, -1).join(", ");
    return most ? `${most} and ${names[names.length - 1]}` : names[0];
  }

  /* ---- Stops of sliders: those of the notebook's panels, and a panel's own numbers ---- */

  /** Return stops from low to high in even steps, the end and `own` numbers among them. */
  function even(low, high, step, ...own) {
    const count = Math.floor((high - low) / step + 1e-9);
    const along = Array.from({ length: count + 1 }, (_, place) => low + place * step);
    return sorted([...along.map((value) => Number(value.toPrecision(12))), high, ...own]);
  }

  /** Return stops from 10^low to 10^high, in steps of 0.02 of a decade, to two digits. */
  function rates(low, high, ...own) {
    const count = Math.round((high - low) / 0.02);
    const along = Array.from({ length: count + 1 }, (_, place) => 10 ** (low + place * 0.02));
    return sorted([...along.map((value) => Number(value.toPrecision(2))), ...own]);
  }

  function sorted(values) {
    const own = values.filter((value) => Number.isFinite(value)).map((value) => value + 0); // no -0
    return [...new Set(own)].sort((one, other) => one - other);
  }

  /* ---- The frame: controls, pictures, a sentence ---- */

  /**
   * Build a panel that draws a function of its controls anew whenever one of them moves.
   *
   * `controls` is name -> {label, tooltip, value, values} of a slider, {..., options} of a choice or
   * {label, tooltip, value} with true or false of a toggle; in a list of lists of names, `rows`,
   * are those that stand side by side. `draw(values)` draws and returns a sentence, and
   * `rests(values)` says of which controls nobody takes notice: name -> why.
   */
  function frame(root, { title, controls, rows = [], pictures, draw, rests = () => ({}), note }) {
    const made = {};
    let isHeld = false;
    const values = () => Object.fromEntries(Object.entries(made).map(([name, one]) => [name, one.value]));

    function make(name, { label, tooltip, value, values: stops, options, onChange }) {
      const moved = (now) => {
        if (onChange) hold(() => onChange(now));
        redraw();
      };
      const common = { label, value };
      if (options) made[name] = playing.choice({ ...common, options, onChange: moved });
      else if (stops) made[name] = playing.slider({ ...common, values: stops, words: (at) => general(at), onInput: moved });
      else made[name] = playing.toggle({ ...common, onChange: moved });
      made[name].element.dataset.name = name;
      made[name].element.querySelector("input, select").title = tooltip;
    }

    /** Give a slider other stops. */
    function remake(name, stops, value) {
      const old = made[name].element;
      make(name, { ...controls[name], values: stops, value });
      old.replaceWith(made[name].element);
    }

    /** Move controls, and draw nothing meanwhile. */
    function hold(moves) {
      isHeld = true;
      moves();
      isHeld = false;
    }

    function redraw() {
      if (isHeld) return;
      const now = values();
      const why = rests(now);
      for (const name of Object.keys(made)) made[name].disable(name in why);
      resting.textContent = [...new Set(Object.values(why).filter(Boolean))].join(" ");
      frame_of.status(draw(now));
    }

    for (const [name, spec] of Object.entries(controls)) make(name, spec);
    const inRows = new Map(rows.flatMap((names) => names.map((name) => [name, names])));
    const shelves = Object.keys(made).flatMap((name) => {
      const names = inRows.get(name);
      if (!names) return [made[name]];
      return names[0] === name ? [names.map((one) => made[one])] : [];
    });
    for (const name of inRows.keys()) made[name].element.style.flex = controls[name].values ? "1 1 96px" : "none";
    const resting = playing.element("p", { class: "playing-note" });
    const frame_of = playing.layout(root, { title, controls: [...shelves, resting], pictures });
    playing.note(root, note);
    redraw();
    return { controls: made, remake };
  }

  /** Return a point as words: "(-4, 1.5)". */
  function point([x, y]) {
    return `(${general(x, 3)}, ${general(y, 3)})`;
  }

  playing.words = { general, fixed, signed, listed, point };
  playing.stops = { even, rates };
  playing.frame = frame;
})();
