// The map of learning rate and batch size, recorded whole: cells, curves, ridge, rules, searches.
(function () {
  "use strict";

  const playing = window.playing;
  const BASE_SIZE = 32; // the batch size whose best rate the rules of scaling begin at
  const POWERS = { linear: 1, "square root": 0.5 };
  const LOWEST_SHARE = 0.04; // of the loss at the start: what has come down so far is as blue as can be
  const BLUEST = 72; // percent of the colour: numbers on it can be read
  const LETTERS = { learned: "", slow: "s", unsteady: "u", dead: "d", diverged: "∞", open: "" };
  const GREYS = new Set(["dead", "diverged"]);
  const MARKS = [9, 13]; // radius in pixels of a try with one epoch, and of a whole training
  const RAISED = 7; // pixels that a mark stands above the middle of its cell: the number is below
  const TRY_SECONDS = 0.6; // between two tries that are played

  /* ---- What is computed, for tests, too ---- */

  /** Return the cells of a map, row by row from the lowest rate; what is missing is open. */
  function cellsOf(map) {
    const known = new Map(map.cells.map((cell) => [`${cell.learning_rate} ${cell.batch_size}`, cell]));
    return map.learning_rates.map((rate) =>
      map.batch_sizes.map(
        (size) =>
          known.get(`${rate} ${size}`) || {
            ...{ learning_rate: rate, batch_size: size, state: "open", validation_loss: null },
            ...{ accuracy: null, curve: [], validation: [], steps: 0, epochs: 0, seconds: null },
          }
      )
    );
  }

  /** Return the cell with the lowest loss; null: there is none. */
  function lowest(cells) {
    const told = cells.filter((cell) => cell.validation_loss !== null);
    return told.reduce(
      (best, cell) => (best === null || cell.validation_loss < best.validation_loss ? cell : best),
      null
    );
  }

  /** Return the best cell of each batch size at which any has learned. */
  function ridge(map) {
    const rows = cellsOf(map);
    return map.batch_sizes
      .map((_, column) => lowest(rows.map((row) => row[column])))
      .filter((cell) => cell && cell.state === "learned");
  }

  /** Return the rate that a rule gives for a batch size; null: it has nowhere to begin. */
  function scaledRate(map, rule, size) {
    const base = map.batch_sizes[playing.nearest(map.batch_sizes, BASE_SIZE)];
    const cell = ridge(map).find((one) => one.batch_size === base);
    return cell ? cell.learning_rate * (size / base) ** POWERS[rule] : null;
  }

  /** Return where a rate lies among ascending ones, 0 to their number - 1, and beyond. */
  function heightOf(rate, rates) {
    let below = 0;
    while (below < rates.length - 2 && rates[below + 1] < rate) below += 1;
    const [low, high] = [Math.log(rates[below]), Math.log(rates[below + 1])];
    return below + (Math.log(rate) - low) / (high - low);
  }

  /** Return how blue a cell is, 0 to 1: by how much of the way from a guess it has come. */
  function goodness(cell, map, by) {
    if (cell.state === "open" || GREYS.has(cell.state)) return 0;
    const made = map.made_with;
    let share;
    if (by === "accuracy" && cell.accuracy !== null) {
      const guess = 1 / Math.max(2, made.num_outputs || 2);
      share = (cell.accuracy - guess) / (1 - guess);
    } else {
      const least = LOWEST_SHARE * made.start_loss;
      const loss = Math.max(cell.validation_loss, least);
      share = Math.log(made.start_loss / loss) / Math.log(1 / LOWEST_SHARE);
    }
    return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  }

  /** Return each of the first `count` events of a search as far as it came, what was spent, and the best. */
  function after(events, count, epochs) {
    const tries = new Map();
    for (const [number, row, column, given, loss] of events.slice(0, count)) {
      tries.set(number, { number, row, column, epochs: given, loss });
    }
    const all = [...tries.values()];
    const whole = all.filter((one) => one.epochs === epochs && one.loss !== null);
    const best = whole.reduce((low, one) => (low === null || one.loss < low.loss ? one : low), null);
    return { tries: all, spent: all.reduce((sum, one) => sum + one.epochs, 0), best };
  }

  /** Return a cell as a search has seen it: what it was given, and no more. */
  function seen(cell, one) {
    const given = cell.validation.length || 1; // a validation loss stands after each epoch
    return {
      ...cell,
      state: one.loss === null ? "diverged" : "seen",
      validation_loss: one.loss,
      accuracy: null,
      epochs: one.epochs,
      steps: Math.round((cell.steps / given) * one.epochs),
      seconds: (cell.seconds / given) * one.epochs,
      curve: cell.curve.filter(([x]) => x <= one.epochs + 1e-9),
      validation: cell.validation.slice(0, one.epochs),
    };
  }

  /** Return what all cells of a map were given, in words. */
  function amountOf(map) {
    const word = map.amount === 1 ? map.budget.slice(0, -1) : map.budget;
    return `${map.amount} ${word}${map.budget === "seconds" ? " of one core" : ""}`;
  }

  function rate(value) {
    return playing.number(value, 3);
  }

  function loss(value) {
    if (value === null) return "no number";
    return value < 1e6 && value >= 1e-3 ? value.toPrecision(3) : playing.number(value);
  }

  function percent(share) {
    return `${(100 * share).toFixed(1)}%`;
  }

  function secondsOf(count) {
    const words = playing.number(count, 2);
    return `${words} ${words === "1" ? "second" : "seconds"}`;
  }

  function epochsOf(count) {
    return `${playing.number(count)} ${count === 1 ? "epoch" : "epochs"}`;
  }

  /** Return how often a cell has gone through the training set; what fills no batch is left out. */
  function passesOf(map, cell) {
    const whole = Math.max(1, cell.validation.length);
    if (map.budget !== "epochs" || cell.state === "diverged" || cell.epochs > whole - 0.005) {
      return epochsOf(cell.epochs);
    }
    return `${epochsOf(whole)} (without the last images of each, which fill no batch)`;
  }

  /** Return what is read aloud of a cell. */
  function wordsOf(cell) {
    const pair = `learning rate ${rate(cell.learning_rate)}, batch size ${cell.batch_size}`;
    if (cell.state === "open") return `${pair}: not trained`;
    if (cell.validation_loss === null) return `${pair}: diverged`;
    const score = cell.accuracy === null ? "" : `, accuracy ${percent(cell.accuracy)}`;
    const state = cell.state === "seen" ? `after ${epochsOf(cell.epochs)}` : cell.state;
    return `${pair}: ${state}, loss ${loss(cell.validation_loss)}${score}`;
  }

  /** Return what stands in a cell: a number, and the letter of its state. */
  function textOf(cell, by) {
    const letter = LETTERS[cell.state] || "";
    if (cell.state === "open" || GREYS.has(cell.state)) return letter;
    const number =
      by === "accuracy" && cell.accuracy !== null
        ? `${Math.round(100 * cell.accuracy)}%`
        : cell.validation_loss < 9.995
          ? cell.validation_loss.toFixed(2)
          : ">9";
    return letter ? `${number} ${letter}` : number;
  }

  playing.map = { cellsOf, lowest, ridge, scaledRate, heightOf, goodness, after, seen, wordsOf, textOf };

  /* ---- The panel ---- */

  playing.panels.map = function (root, options) {
    const recording = playing.recorded.map;
    const { maps, searches, made, data } = recording;
    const searched = maps[searches.map];
    const { element } = playing;
    const svg = svgOf;
    let map = maps[options.budget] || searched;
    let rows = cellsOf(map);
    let chosen = lowest(rows.flat());
    let shown = 0; // events of the search that are on the map
    let timer = null;
    let boxes = []; // the cells' elements, row by row from the lowest rate

    const budget = playing.choice({
      label: "equal for all",
      options: Object.entries(maps).map(([name, one]) => [name, amountOf(one)]),
      value: maps[options.budget] ? options.budget : searches.map,
      onChange: changeMap,
    });
    const by = playing.choice({
      label: "colour by",
      options: [
        ["loss", "validation loss"],
        ["accuracy", "accuracy"],
      ],
      value: options.by || "loss",
      onChange: paint,
    });
    const lines = playing.toggle({ label: "ridge and rules of scaling", value: true, onChange: paint });
    const method = playing.choice({
      label: "search by",
      options: [["", "none"], ...Object.entries(searches.names)],
      value: "",
      onChange: changeSearch,
    });
    const seed = playing.slider({
      label: "seed of the search",
      values: searches.seeds,
      value: searches.seeds[0],
      words: String,
      onInput: changeSearch,
    });
    const cover = playing.toggle({ label: "cover what was not tried", value: true, onChange: paint });
    const play = playing.button({ label: "Play", onClick: playOrPause, main: true });
    const next = playing.button({ label: "Next try", onClick: oneMore });
    const all = playing.button({ label: "All", onClick: toTheEnd });
    const again = playing.button({ label: "Anew", onClick: anew });

    const grid = element("table", { role: "grid", class: "playing-grid-map" });
    const over = svg("svg", { class: "playing-over", "aria-hidden": "true" });
    const frameOfMap = element("div", { class: "playing-map" }, grid, over);
    const letters = element("p", { class: "playing-letters" });
    const legend = element("div", { class: "playing-legend" });
    const left = element("div", { class: "playing-picture" }, frameOfMap, legend, letters);
    const curve = playing.chart({
      x: { label: "epochs" },
      y: { label: "Loss: training as a line, validation as dots", scale: "log" },
      height: (width) => Math.min(300, Math.max(220, 0.6 * width)),
    });
    const curveOf = element("p", { class: "playing-wish" });
    const right = element("div", { class: "playing-picture" }, curveOf, curve.element);
    const frame = playing.layout(root, {
      title: "Learning rate and batch size: the map, recorded",
      controls: [budget, by, lines, method, seed, cover, [play, next, all, again]],
      pictures: [left, right],
    });
    const table = playing.table({
      caption:
        `What each search found on the map of ${amountOf(searched)}, with ` +
        `${searches.budget} epochs in all, from ${searches.seeds.length} seeds. Losses are medians; ` +
        "a miss is how far one is above the map's best.",
      columns: searches.heads,
    });
    table.rows(searches.rows);
    const found = element("details", {}, element("summary", {}, "What the searches found"));
    found.append(table.element);
    root.append(found);
    const numCells = rows.length * map.batch_sizes.length;
    playing.note(
      root,
      `Recorded on ${made.date} with torch ${made.torch.split("+")[0]}, Python ${made.python}` +
        `${made.optuna ? `, Optuna ${made.optuna}` : ""}, seed ${made.seed}, on one core each of a ` +
        `processor named ${made.processor}: ${numCells} real trainings of LeNet for each map, on ` +
        `${data.train.toLocaleString("en")} ${data.noun}, plain SGD, scored on ${data.held_out} others. ` +
        "Searches look up what was measured after each epoch. In this page nothing is trained; in " +
        "JupyterLab the map fills while one watches."
    );

    over.setAttribute("focusable", "false");
    grid.addEventListener("keydown", goTo);
    new ResizeObserver(drawOver).observe(grid);
    build();
    changeSearch();

    /* ---- The grid ---- */

    function build() {
      const { learning_rates: rates, batch_sizes: sizes } = map;
      boxes = rates.map(() => []);
      const lineOf = (_, index) => {
        const row = rates.length - 1 - index; // the highest rate stands at the top
        const line = element("tr", { role: "row" });
        line.append(element("th", { role: "rowheader", scope: "row" }, rate(rates[row])));
        sizes.forEach((_size, column) => {
          const text = element("span");
          const box = element("td", { role: "gridcell", tabindex: -1 }, text);
          box.addEventListener("focus", () => choose(row, column));
          box.addEventListener("pointerenter", () => look(rows[row][column]));
          box.addEventListener("pointerleave", () => look(chosen));
          box.addEventListener("click", () => box.focus());
          boxes[row][column] = box;
          line.append(box);
        });
        return line;
      };
      const heads = element("tr", { role: "row" });
      const corner = element("th", { role: "columnheader", scope: "col" });
      corner.append(element("span", {}, "rate ↑ "), element("span", {}, "batch →"));
      heads.append(corner);
      sizes.forEach((size) => {
        heads.append(element("th", { role: "columnheader", scope: "col" }, String(size)));
      });
      const body = element("tbody", { role: "rowgroup" }, ...rates.map(lineOf));
      grid.replaceChildren(body, element("tfoot", { role: "rowgroup" }, heads));
    }

    function placeOf(cell) {
      return [map.learning_rates.indexOf(cell.learning_rate), map.batch_sizes.indexOf(cell.batch_size)];
    }

    function choose(row, column) {
      chosen = rows[row][column];
      mark();
      look(chosen);
    }

    function goTo(event) {
      const [row, column] = placeOf(chosen);
      const [top, last] = [map.learning_rates.length - 1, map.batch_sizes.length - 1];
      const steps = {
        ArrowUp: [Math.min(top, row + 1), column],
        ArrowDown: [Math.max(0, row - 1), column],
        ArrowRight: [row, Math.min(last, column + 1)],
        ArrowLeft: [row, Math.max(0, column - 1)],
        Home: [event.ctrlKey ? top : row, 0],
        End: [event.ctrlKey ? 0 : row, last],
        PageUp: [top, column],
        PageDown: [0, column],
      };
      if (!steps[event.key] || event.altKey || event.metaKey) return;
      event.preventDefault();
      const [toRow, toColumn] = steps[event.key];
      boxes[toRow][toColumn].focus();
    }

    function mark() {
      const [row, column] = placeOf(chosen);
      boxes.forEach((line, at) =>
        line.forEach((box, beside) => {
          const is = at === row && beside === column;
          box.tabIndex = is ? 0 : -1;
          box.setAttribute("aria-selected", String(is));
        })
      );
    }

    /** Return a cell as it is shown: as the search has seen it, null where it has not. */
    function shownAt(row, column, tries) {
      const cell = rows[row][column];
      if (!method.value || !cover.value) return cell;
      const one = tries.find((each) => each.row === row && each.column === column);
      if (!one) return null;
      return one.epochs < map.amount || one.loss === null ? seen(cell, one) : cell;
    }

    function paint() {
      const { tries } = present();
      rows.forEach((line, row) =>
        line.forEach((whole, column) => {
          const box = boxes[row][column];
          const cell = shownAt(row, column, tries);
          const share = cell ? Math.round(BLUEST * goodness(cell, map, by.value)) : 0;
          box.dataset.state = cell ? cell.state : "covered";
          box.style.background = share
            ? `color-mix(in srgb, var(--play-1) ${share}%, var(--play-ground))`
            : "";
          box.firstChild.textContent = cell ? textOf(cell, by.value) : "";
          box.setAttribute("aria-label", cell ? wordsOf(cell) : notTried(whole));
        })
      );
      const states = new Set(rows.flat().map((cell) => cell.state));
      const told = Object.entries(LETTERS).filter(([state, letter]) => letter && states.has(state));
      letters.textContent =
        `${told.map(([state, letter]) => `${letter}: ${state}`).join(", ")}. ` +
        "Bluer is better; the numbers say it, too.";
      grid.setAttribute(
        "aria-label",
        `Validation ${by.value} by learning rate and batch size, ${amountOf(map)} each`
      );
      drawLegend();
      drawOver();
      look(chosen);
    }

    function notTried(cell) {
      return `${wordsOf(cell).split(":")[0]}: not tried`;
    }

    /* ---- What lies over it ---- */

    function middle(row, column) {
      const of = (at, beside) => boxes[at][beside];
      const [low, high] = [Math.floor(row), Math.ceil(row)];
      const [before, behind] = [Math.floor(column), Math.ceil(column)];
      const x = (beside) => of(0, beside).offsetLeft + of(0, beside).offsetWidth / 2;
      const y = (at) => of(at, 0).offsetTop + of(at, 0).offsetHeight / 2;
      const between = (one, other, share) => one + (other - one) * share;
      return [between(x(before), x(behind), column - before), between(y(low), y(high), row - low)];
    }

    function drawOver() {
      if (!grid.offsetWidth || !boxes.length) return;
      over.setAttribute("viewBox", `0 0 ${grid.offsetWidth} ${grid.offsetHeight}`);
      const parts = [];
      const isSearching = Boolean(method.value);
      if (lines.value && !isSearching) {
        for (const [name, look_] of Object.entries(looks())) {
          const points = linePoints(name).map(([row, column]) => middle(row, column));
          const d = points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
          const shared = { d, fill: "none", "stroke-linejoin": "round", "data-name": name };
          parts.push(svg("path", { ...shared, stroke: "var(--play-ground)", "stroke-width": 5 }));
          parts.push(svg("path", { ...shared, ...look_, "stroke-width": 2.5 }));
          if (name !== "ridge") continue;
          for (const [cx, cy] of points) {
            const dot = { fill: "var(--play-ground)", stroke: "var(--play-ink)", "stroke-width": 2 };
            parts.push(svg("circle", { cx, cy, r: 4, ...dot }));
          }
        }
      }
      if (isSearching) {
        const { tries, best } = present();
        for (const one of tries) parts.push(markOf(one, one === best));
      }
      over.replaceChildren(...parts);
    }

    function markOf(one, isBest) {
      const [cx, centre] = middle(one.row, one.column);
      const [small, large] = MARKS;
      const share = (one.epochs - 1) / Math.max(1, searched.amount - 1);
      const r = Math.sqrt(small ** 2 + (large ** 2 - small ** 2) * share);
      const group = svg("g", { "data-try": one.number });
      const cy = centre - RAISED;
      const fill = isBest ? "var(--play-ink)" : "var(--play-ground)";
      group.append(svg("circle", { cx, cy, r, fill, stroke: "var(--play-ink)", "stroke-width": 1.5 }));
      const ink = isBest ? "var(--play-ground)" : "var(--play-ink)";
      const place = { x: cx, y: cy + 4, "text-anchor": "middle", fill: ink };
      group.append(svg("text", place, String(one.number)));
      return group;
    }

    function looks() {
      return {
        linear: { stroke: "var(--play-5)", "stroke-dasharray": "9 4" },
        "square root": { stroke: "var(--play-2)", "stroke-dasharray": "3 3" },
        ridge: { stroke: "var(--play-ink)", "stroke-dasharray": "none" },
      };
    }

    /** Return the places [row, column] that a line goes through, as far as they are on the map. */
    function linePoints(name) {
      const { learning_rates: rates, batch_sizes: sizes } = map;
      if (name === "ridge") return ridge(map).map(placeOf);
      const points = [];
      for (let column = 0; column <= sizes.length - 1 + 1e-9; column += 0.125) {
        const before = Math.min(Math.floor(column), sizes.length - 2);
        const size = sizes[before] * (sizes[before + 1] / sizes[before]) ** (column - before);
        const wanted = scaledRate(map, name, size);
        const row = wanted === null ? -1 : heightOf(wanted, rates);
        if (row >= 0 && row <= rates.length - 1) points.push([row, column]);
      }
      return points;
    }

    function drawLegend() {
      const named = { ridge: "ridge: the best rate", linear: "linear", "square root": "square root" };
      const isThere = lines.value && !method.value;
      legend.replaceChildren(
        ...(isThere ? Object.entries(looks()) : []).reverse().map(([name, look_]) => {
          const key = svg("svg", { width: 24, height: 10, viewBox: "0 0 24 10", "aria-hidden": "true" });
          key.append(svg("line", { x1: 0, x2: 24, y1: 5, y2: 5, "stroke-width": 3, ...look_ }));
          return element("span", {}, key, named[name]);
        })
      );
    }

    /* ---- One cell ---- */

    function look(whole) {
      const cell = shownAt(...placeOf(whole), present().tries);
      curve.clear();
      if (!cell) {
        curveOf.textContent = `${notTried(whole)} in this search.`;
        curve.say("No curve: this cell was not tried.");
        return;
      }
      const start = map.made_with.start_loss;
      const top = 10 * start;
      const low = (loss_) => Math.min(loss_, top);
      const end = whole.epochs || 1;
      const least = Math.min(...cell.curve.map(([, y]) => y), ...cell.validation, 0.05 * start);
      curve.axes({ x: { from: 0, to: end }, y: { from: 0.8 * least, to: 4 * start } });
      curve.line("start", [[0, start], [end, start]], { role: "faint", dash: true, width: 1.5 }); // prettier-ignore
      curve.line("training", cell.curve.map(([x, y]) => [x, low(y)]), { role: 1, width: 2 }); // prettier-ignore
      const dots = cell.validation.map((one, index) => [Math.min(index + 1, end), low(one)]);
      curve.dots("validation", dots, { role: 2, radius: 4 });
      curveOf.textContent =
        `${wordsOf(cell)}. ${cell.steps.toLocaleString("en")} steps, ${passesOf(map, cell)}, ` +
        `${secondsOf(cell.seconds)} of one core.`;
      const told = cell.validation.map(loss).join(", ");
      curve.say(`Loss of ${wordsOf(cell)}. After each epoch the validation loss is ${told || "no number"}.`);
    }

    function changeMap() {
      map = maps[budget.value];
      rows = cellsOf(map);
      const [row, column] = placeOf(chosen);
      if (map !== searched) method.set("");
      build();
      chosen = rows[Math.max(0, row)][Math.max(0, column)];
      mark();
      changeSearch();
    }

    /* ---- Searches ---- */

    function events() {
      return method.value ? searches.tries[method.value][searches.seeds.indexOf(seed.value)] : [];
    }

    function present() {
      return after(events(), shown, searched.amount);
    }

    function changeSearch() {
      halt();
      shown = 0;
      if (method.value && map !== searched) {
        const [row, column] = placeOf(chosen);
        budget.set(searches.map); // searches were made on that map
        map = searched;
        rows = cellsOf(map);
        build();
        chosen = rows[Math.max(0, row)][Math.max(0, column)];
      }
      mark();
      tell();
    }

    function tell() {
      const isThere = Boolean(method.value);
      const isOver = shown >= events().length;
      seed.disable(!isThere);
      cover.disable(!isThere);
      lines.disable(isThere);
      play.set({ label: timer ? "Pause" : "Play", disabled: !isThere || (isOver && !timer) });
      next.set({ disabled: !isThere || isOver });
      all.set({ disabled: !isThere || isOver });
      again.set({ disabled: !isThere || !shown });
      paint();
      if (!isThere) {
        const best = lowest(rows.flat());
        frame.status(`${amountOf(map)} each. The lowest loss: ${wordsOf(best)}.`);
        return;
      }
      if (!shown) {
        frame.status(
          `${searches.names[method.value]}: ${searches.budget} epochs to spend. Press Play, or Next try.`
        );
        return;
      }
      const { tries, spent, best } = present();
      const [number, row, column, given, reached] = events()[shown - 1];
      const pair = `rate ${rate(map.learning_rates[row])}, batch ${map.batch_sizes[column]}`;
      const came = reached === null ? "it diverged" : `loss ${loss(reached)}`;
      const goal = lowest(cellsOf(searched).flat()).validation_loss;
      const so = best ? `Best whole training: try ${best.number}, loss ${loss(best.loss)}` : "No whole training yet";
      const end = isOver && best ? `; the map's best is ${loss(goal)}.` : ".";
      frame.status(
        `Try ${number}: ${pair}, ${epochsOf(given)}: ${came}. ` +
          `${tries.length} ${tries.length === 1 ? "pair" : "pairs"}, ${spent} of ${searches.budget} epochs spent. ${so}${end}`
      );
    }

    function oneMore() {
      shown = Math.min(shown + 1, events().length);
      const [, row, column] = events()[shown - 1];
      chosen = rows[row][column];
      mark();
      if (shown >= events().length) halt();
      tell();
    }

    function playOrPause() {
      if (timer) {
        halt();
        tell();
        return;
      }
      timer = setInterval(oneMore, 1000 * TRY_SECONDS);
      oneMore();
    }

    function toTheEnd() {
      halt();
      shown = events().length;
      const best = present().best;
      if (best) chosen = rows[best.row][best.column];
      mark();
      tell();
    }

    function anew() {
      halt();
      shown = 0;
      tell();
    }

    function halt() {
      clearInterval(timer);
      timer = null;
    }
  };

  function svgOf(tag, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }
})();
