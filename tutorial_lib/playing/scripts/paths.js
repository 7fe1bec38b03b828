// The ways of the optimizers down four surfaces, computed in the page: what labs/paths computes in Python.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  const FAR = 1e3; // a path that gets as far out as this has left the map for good
  const [LOWEST, HIGHEST] = [1e-8, 1e4]; // heights beyond these are drawn there
  const NUM_LEVELS = 15;
  const SIDE = 121; // points along each side of the grid on which contour lines are found
  const TERMS = [1.5, 2.25, 2.625]; // of Beale

  const cube = (y) => y * y * y;

  // Each is a loss of two weights, with 0 as its lowest height, and its slope.
  const SURFACES = {
    ravine: {
      height: ([x, y]) => (x * x + 20 * (y * y)) / 2,
      gradient: ([x, y]) => [x, 20 * y],
      xlim: [-5, 3],
      ylim: [-2.5, 2.5],
      start: [-4, 1.5],
      lowest: [[0, 0]],
      learning_rate: 0.06,
      adaptive_rate: 0.3,
    },
    Rosenbrock: {
      height: ([x, y]) => (1 - x) * (1 - x) + 100 * ((y - x * x) * (y - x * x)),
      gradient: ([x, y]) => [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
      xlim: [-2, 2],
      ylim: [-1, 3],
      start: [-1.5, 2],
      lowest: [[1, 1]],
      learning_rate: 0.0005,
      adaptive_rate: 0.1,
    },
    Beale: {
      height([x, y]) {
        const parts = [y, y * y, cube(y)].map((power, k) => TERMS[k] - x * (1 - power));
        return parts.reduce((sum, part) => sum + part * part, 0);
      },
      gradient([x, y]) {
        const powers = [1, y, y * y, cube(y)];
        let [across, along] = [0, 0];
        for (let k = 1; k <= 3; k += 1) {
          const part = TERMS[k - 1] - x * (1 - powers[k]);
          across -= 2 * part * (1 - powers[k]);
          along += 2 * part * x * (k * powers[k - 1]);
        }
        return [across, along];
      },
      xlim: [-4.5, 4.5],
      ylim: [-4.5, 4.5],
      start: [1, 1.5],
      lowest: [[3, 0.5]],
      learning_rate: 0.005,
      adaptive_rate: 0.1,
    },
    saddle: {
      height: ([x, y]) => (x * x) / 2 - (y * y) / 2 + (y * y * (y * y)) / 4 + 0.25,
      gradient: ([x, y]) => [x, cube(y) - y],
      xlim: [-2, 2],
      ylim: [-2, 2],
      start: [1.5, 0.001],
      lowest: [[0, -1], [0, 1]],
      learning_rate: 0.1,
      adaptive_rate: 0.1,
    },
  };

  /**
   * Let optimizers walk down a surface, given by its name: name -> {points, heights, left}.
   *
   * `start`, `learning_rate` and `adaptive_rate` are those of the surface where they are left out;
   * adamw walks without decay. A way has fewer than num_steps steps where it left the map.
   */
  function descend(surface, names, settings = {}) {
    const own = SURFACES[surface];
    const { start = own.start, learning_rate = own.learning_rate, adaptive_rate = own.adaptive_rate } = settings;
    const { momentum = 0.9, num_steps = 60 } = settings;
    const rateOf = (name) => (playing.optimizers.table[name].is_adaptive ? adaptive_rate : learning_rate);
    return Object.fromEntries(
      names.map((name) => {
        const given = { learning_rate: rateOf(name), momentum, weight_decay: 0 };
        return [name, wayOf(name, own, start, given, num_steps)];
      }),
    );
  }

  function wayOf(name, surface, start, settings, num_steps) {
    const { table, apply } = playing.optimizers;
    let memory = start.map(() => [...table[name].memory].map(() => 0)); // of each weight
    let at = [...start];
    const points = [at];
    const onMap = () => at.every((weight) => -FAR < weight && weight < FAR); // no NaN
    for (let step = 1; step <= num_steps && onMap(); step += 1) {
      const gradient = surface.gradient(at);
      const taken = at.map((weight, k) => apply(name, weight, gradient[k], memory[k], { ...settings, step }));
      at = taken.map(([weight]) => weight);
      memory = taken.map(([, remembered]) => remembered);
      points.push(at);
    }
    return { points, heights: points.map(surface.height), left: !onMap() };
  }

  /** Say where each of them ends, as the panel of the notebook says it. */
  function sentence(descents) {
    const { general } = playing.words;
    const words = Object.entries(descents).map(([name, { points, heights, left }]) =>
      left
        ? `${name} flew off after ${points.length - 1} steps`
        : `${name} ends ${general(heights[heights.length - 1], 2)} above the lowest point`,
    );
    return `${words.join("; ") || "Nobody walks"}.`;
  }

  /* ---- Contour lines ---- */

  /** Return the heights on a grid of a surface: a row for each weight 2. */
  function heightsOn(surface, side) {
    const { height, xlim, ylim } = SURFACES[surface];
    const along = ([low, high]) => Array.from({ length: side }, (_, k) => low + ((high - low) * k) / (side - 1));
    return along(ylim).map((y) => along(xlim).map((x) => height([x, y])));
  }

  /** Return the heights of the contour lines: evenly in powers of ten, up to near the highest. */
  function levelsOf(heights) {
    const top = Math.log10(Math.max(...heights.flat()));
    return Array.from({ length: NUM_LEVELS }, (_, k) => 10 ** (top - 4 + (3.9 * k) / (NUM_LEVELS - 1)));
  }

  const contours = new Map(); // surface -> short lines, [x, y, x, y] in weights
  /** Return the contour lines of a surface, as short lines that join. */
  function contoursOf(surface) {
    if (!contours.has(surface)) {
      const heights = heightsOn(surface, SIDE);
      const lines = levelsOf(heights).flatMap((level) => crossings(heights, level));
      const { xlim, ylim } = SURFACES[surface];
      const place = (at, [low, high]) => low + ((high - low) * at) / (SIDE - 1);
      const placed = lines.map(([x, y, u, v]) => [place(x, xlim), place(y, ylim), place(u, xlim), place(v, ylim)]);
      contours.set(surface, placed);
    }
    return contours.get(surface);
  }

  /** Return where a height is crossed within the cells of a grid: marching squares. */
  function crossings(heights, level) {
    const lines = [];
    for (let y = 0; y + 1 < heights.length; y += 1) {
      for (let x = 0; x + 1 < heights[y].length; x += 1) {
        const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
        const over = corners.map(([i, j]) => heights[j][i] - level);
        const cuts = [];
        corners.forEach(([i, j], k) => {
          const next = (k + 1) % 4;
          if (over[k] < 0 === over[next] < 0) return;
          const share = over[k] / (over[k] - over[next]);
          cuts.push([i + share * (corners[next][0] - i), j + share * (corners[next][1] - j)]);
        });
        for (let k = 0; k + 1 < cuts.length; k += 2) lines.push([...cuts[k], ...cuts[k + 1]]);
      }
    }
    return lines;
  }

  /* ---- The panel ---- */

  // control -> who goes by it
  const HEEDED = {
    learning_rate: (optimizer) => !optimizer.is_adaptive,
    adaptive_rate: (optimizer) => Boolean(optimizer.is_adaptive),
    momentum: (optimizer) => Boolean(optimizer.momentum),
  };

  playing.panels.paths = function (root, options = {}) {
    const { even, rates } = playing.stops;
    const { table, namesInWords, momentumWords } = playing.optimizers;
    const walkers = Object.keys(table);
    const surface = options.surface in SURFACES ? options.surface : "ravine";
    const own = ownValues(surface);
    const first = { momentum: 0.8, num_steps: 40, ...own, ...options, surface };
    const starts = (which, value) => {
      const [lim, x_or_y] = which === "start_x" ? ["xlim", 0] : ["ylim", 1];
      const at = SURFACES[now()];
      return even(...at[lim], 0.05, at.start[x_or_y], value);
    };
    let panel = null;
    const now = () => (panel ? panel.controls.surface.value : surface);

    const controls = {
      surface: {
        label: "surface",
        tooltip: "What they walk on. It brings its own start and rates.",
        options: Object.keys(SURFACES).map((name) => [name, name]),
        value: surface,
        onChange: bring,
      },
    };
    for (const name of walkers) {
      const value = options[`show_${name}`] ?? ["sgd", "momentum", "adam"].includes(name);
      controls[`show_${name}`] = { label: name, tooltip: `Whether ${name} walks.`, value };
    }
    const spoken = {
      learning_rate: [`Rate of ${namesInWords(HEEDED.learning_rate)}: how much of the gradient a step is.`, "learning rate"],
      adaptive_rate: [`Rate of ${namesInWords(HEEDED.adaptive_rate)}: about how long a step is.`, "adaptive rate"],
    };
    const brought = Object.values(SURFACES).flatMap(({ learning_rate, adaptive_rate }) => [learning_rate, adaptive_rate]);
    for (const [name, [tooltip, label]] of Object.entries(spoken)) {
      controls[name] = { label, tooltip, values: rates(-4, 0, ...brought, first[name]), value: first[name] };
    }
    const steps = "How many steps each of them takes.";
    const where = "Where all of them set out.";
    Object.assign(controls, {
      momentum: {
        label: "momentum",
        tooltip: momentumWords(),
        values: even(0, 0.99, 0.01, first.momentum),
        value: first.momentum,
      },
      num_steps: { label: "steps", tooltip: steps, values: even(1, 100, 1), value: first.num_steps },
      start_x: { label: "start, weight 1", tooltip: where, values: starts("start_x", first.start_x), value: first.start_x },
      start_y: { label: "start, weight 2", tooltip: where, values: starts("start_y", first.start_y), value: first.start_y },
    });

    /** Let a surface bring its own start and rates. */
    function bring(name) {
      const values = ownValues(name);
      for (const axis of ["start_x", "start_y"]) panel.remake(axis, starts(axis, values[axis]), values[axis]);
      for (const rate of ["learning_rate", "adaptive_rate"]) panel.controls[rate].set(values[rate]);
    }

    /** Return what none of those who walk heeds, and why. */
    function rests(values) {
      const walking = walkers.filter((name) => values[`show_${name}`]);
      const found = {};
      for (const [name, heeds] of Object.entries(HEEDED)) {
        if (walking.some((walker) => heeds(table[walker]))) continue;
        found[name] = `${controls[name].label} is only for ${namesInWords(heeds)}.`;
      }
      if (!walking.length) for (const name of ["num_steps", "start_x", "start_y"]) found[name] = "";
      return found;
    }

    const map = playing.chart({
      x: { label: "weight 1", scale: "linear" },
      y: { label: "weight 2; square: start, star: lowest", scale: "linear" },
      height: (width) => Math.min(320, 0.85 * width),
    });
    const fall = playing.chart({
      x: { label: "step", scale: "linear" },
      y: { label: "height above the lowest point", scale: "log", words: (value) => playing.words.general(value) },
      height: 240,
    });

    function draw(values) {
      const walking = walkers.filter((name) => values[`show_${name}`]);
      const settings = { ...values, start: [values.start_x, values.start_y] };
      const descents = descend(values.surface, walking, settings);
      drawMap(map, values.surface, descents);
      drawHeights(fall, descents, values.num_steps);
      return sentence(descents);
    }

    const note = "Computed in this page, by the rules of tutorial_lib.optimizers and the surfaces of tutorial_lib.labs.paths.";
    const rows = [walkers.map((name) => `show_${name}`)];
    const looks = { title: "Ways down a surface", controls, rows, pictures: [map, fall], draw, rests, note };
    panel = playing.frame(root, looks);
  };

  function ownValues(surface) {
    const { start, learning_rate, adaptive_rate } = SURFACES[surface];
    return { start_x: start[0], start_y: start[1], learning_rate, adaptive_rate };
  }

  function drawMap(chart, surface, descents) {
    const { point } = playing.words;
    const { xlim, ylim, lowest } = SURFACES[surface];
    const far = 10 * Math.max(...[...xlim, ...ylim].map(Math.abs));
    const near = (value) => (Number.isNaN(value) ? 0 : Math.min(Math.max(value, -far), far));
    chart.clear();
    const words = (at) => (at > ylim[0] ? playing.number(at) : ""); // in the corner stands one number
    chart.axes({ x: { from: xlim[0], to: xlim[1] }, y: { from: ylim[0], to: ylim[1], words } });
    chart.layer("contours", (group, { toX, toY, svg }) => group.append(mapOf(chart, surface, toX, toY, svg)));
    for (const [name, { points }] of Object.entries(descents)) {
      const { role } = playing.optimizers.table[name];
      const shown = points.map(([x, y]) => [near(x), near(y)]);
      chart.line(name, shown, { role, width: 1.5 });
      // All dots are one path: a page draws hundreds of circles slowly.
      chart.layer(`steps of ${name}`, (group, { toX, toY, svg }) => {
        const d = shown.map(([x, y]) => `M${toX(x).toFixed(1)} ${toY(y).toFixed(1)}h0`).join("");
        const look = { stroke: `var(--play-${role})`, "stroke-width": 4, "stroke-linecap": "round" };
        group.append(svg("path", { d, ...look }));
      });
    }
    const [first] = Object.values(descents);
    chart.layer(
      "ends",
      (group, { toX, toY, svg }) => {
        if (first) {
          const [x, y] = first.points[0];
          group.append(svg("rect", { x: toX(x) - 4, y: toY(y) - 4, width: 8, height: 8, fill: "var(--play-ink)" }));
        }
        for (const [x, y] of lowest) group.append(svg("path", { d: star(toX(x), toY(y)), fill: "var(--play-ink)" }));
      },
      { above: true },
    );
    const ways = Object.entries(descents).map(([name, { points, left }]) => {
      const end = points[points.length - 1];
      return `${name} goes from ${point(points[0])} in ${points.length - 1} steps ${left ? "out of the map" : `to ${point(end)}`}`;
    });
    chart.say(
      `${surface}, seen from above with contour lines; lowest at ${lowest.map(point).join(" and ")}. ` +
        `${ways.join("; ") || "Nobody walks"}.`,
    );
  }

  const drawn = new WeakMap(); // chart -> the contour lines on it, and for which surface and size
  function mapOf(chart, surface, toX, toY, svg) {
    const key = [surface, toX(0), toX(1), toY(0), toY(1)].join(" ");
    if (drawn.get(chart)?.key !== key) {
      const at = (x, y) => `${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`;
      const d = contoursOf(surface).map(([x, y, u, v]) => `M${at(x, y)}L${at(u, v)}`).join("");
      const look = { fill: "none", stroke: "var(--play-muted)", "stroke-width": 0.7, "stroke-opacity": 0.6 };
      drawn.set(chart, { key, node: svg("path", { d, ...look }) });
    }
    return drawn.get(chart).node;
  }

  function star(x, y) {
    const corners = Array.from({ length: 10 }, (_, k) => {
      const [angle, far] = [(Math.PI * k) / 5, k % 2 ? 4 : 9];
      return `${(x + far * Math.sin(angle)).toFixed(1)} ${(y - far * Math.cos(angle)).toFixed(1)}`;
    });
    return `M${corners.join("L")}Z`;
  }

  function drawHeights(chart, descents, num_steps) {
    const { general } = playing.words;
    const clipped = (height) => (Number.isNaN(height) ? NaN : Math.min(Math.max(height, LOWEST), HIGHEST));
    const all = Object.values(descents).flatMap(({ heights }) => heights);
    const notes = [];
    if (!all.every((height) => height <= HIGHEST)) notes.push(`above ${general(HIGHEST)}: at the top`);
    if (all.some((height) => height < LOWEST)) notes.push(`below ${general(LOWEST)}: at the bottom`);
    const powers = all.map((height) => Math.log10(clipped(height))).filter(Number.isFinite);
    const low = powers.length ? Math.floor(Math.min(...powers)) : 0;
    const high = powers.length ? Math.max(Math.ceil(Math.max(...powers)), low + 1) : 1;
    chart.clear();
    chart.axes({
      x: { from: 0, to: num_steps },
      y: { from: 10 ** low, to: 10 ** high, label: ["height above the lowest point", ...notes].join("; ") },
    });
    const ends = [];
    for (const [name, { heights, left }] of Object.entries(descents)) {
      const end = left ? "flew off" : `ends at ${general(heights[heights.length - 1], 2)}`;
      ends.push(`${name} begins at ${general(heights[0], 2)}, ${end}`);
      const { role } = playing.optimizers.table[name];
      chart.line(name, heights.map((height, step) => [step, clipped(height)]), { role, width: 1.5, label: name });
    }
    chart.say(`The height above the lowest point after each step, on a logarithmic scale: ${ends.join("; ") || "nobody walks"}.`);
  }

  playing.paths = { surfaces: SURFACES, descend, sentence, heightsOn, levelsOf, contoursOf };
})();
