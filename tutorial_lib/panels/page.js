// The part of a panel that lives in the page: it says what screen the panel is on, and tells those
// who listen what the others see: names and values of controls, the state, what the picture shows.

const PANEL = ".tutorial-panel";
const SETTLED_MS = 150; // a window that is being drawn larger is measured once
const REST_MS = 600; // words that go on changing while a hand moves are spoken once it rests
const SPOKEN_MS = 10_000; // so long they stand: who reads line by line has met them above already
const FIELDS = "input:not([type=checkbox]), select, textarea";
const NAMED = /(Slider|ToggleButtons|RadioButtons|Progress|Text|Textarea|Dropdown|Select)View$/;
const LOW_HERTZ = 220, LOWEST_HEARD = 0.01, HIGHEST_HEARD = 10; // a loss of 0.01 is an A
const views = new Map(); // element of a view -> its panel's id, and what it measures
const lastTold = new Map(); // a panel's id -> what this page has told the kernel
const ENDED = ["restarting", "autorestarting", "terminating", "dead"]; // what a kernel may be

/** Return the luminance, 0 to 1, of what an element stands on. */
function groundOf(element) {
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
    const numbers = getComputedStyle(at).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    if (numbers.length >= 3 && (numbers[3] ?? 1) > 0.5)
      return (0.2126 * numbers[0] + 0.7152 * numbers[1] + 0.0722 * numbers[2]) / 255;
  }
  return 1;
}

/** Say whether an element is in sight: JupyterLab lets a cell out of sight have no opacity. */
function isSeen(element) {
  return element.checkVisibility?.({ opacityProperty: true }) ?? true;
}

/** Yield a widget's model, and those of all that is in it, each with the box that it is in. */
function* within(model, box) {
  yield [model, box];
  for (const child of model.get("children") ?? []) yield* within(child, model);
}

/** Return what a control is called: by its label, else by that beside it, else by its tooltip. */
function nameOf(model, box) {
  const own = model.get("description");
  const beside = () =>
    box?.get("_dom_classes").includes("number-control") &&
    box.get("children").map((part) => part.get("description")).find(Boolean);
  return own || beside() || model.get("tooltip") || model.get("description_tooltip") || "";
}

/** Tell what a control is for, where the page has that at its label alone, for the mouse. */
function tellPurpose(model, field, signal) {
  const words = () => model.get("tooltip") ?? model.get("description_tooltip") ?? "";
  follow(model, "tooltip description_tooltip", signal, () => {
    if (words() && !field.title) setAll(field, { "aria-description": words() });
    else field.removeAttribute("aria-description");
  });
}

/** Keep a label from being read once more beside the control that says it as its name. */
function hideLabel(element) {
  const label = element.querySelector(":scope > .widget-label");
  if (label) setAll(label, { "aria-hidden": true });
}

/** Set what is not so yet: whoever listens for changes hears of real ones only. */
function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Call now, and again once the widget's own view has followed one of these changes. */
function follow(model, names, signal, act) {
  const later = () => queueMicrotask(act);
  for (const name of names.split(" ")) model.on(`change:${name}`, later);
  signal.addEventListener("abort", () => {
    for (const name of names.split(" ")) model.off(`change:${name}`, later);
  });
  act();
}

/** Let a slider say its name, and its value as the field beside it shows it.
 *
 * noUiSlider says where the handle is, which is not the value where the slider is logarithmic.
 */
function tellNumberSlider(model, box, element, signal) {
  const handle = element.querySelector(".noUi-handle, .ui-slider-handle");
  if (!handle) return;
  const slider = element.querySelector(".noUi-target")?.noUiSlider;
  const base = model.get("_view_name") === "FloatLogSliderView" && model.get("base");
  const valueAt = (place) => (base ? base ** place : Number(place));
  const field = box?.get("_dom_classes").includes("number-control")
    ? box.get("children").find((part) => part.get("_view_name") === "TextView")
    : undefined;
  let moved; // to where the hand has moved it, until the kernel answers

  /** Write a value as the kernel does: that of a stop is a round one. */
  function written(value) {
    const whole = Math.abs(value - Math.round(value)) < 1e-9 * Math.max(1, Math.abs(value));
    return String(whole ? Math.round(value) : Number(value.toPrecision(base ? 2 : 12)));
  }

  function words() {
    const readout = element.querySelector(".widget-readout");
    if (!field && readout && readout.offsetParent) return readout.textContent.trim();
    if (field && moved === undefined) return field.get("value");
    return written(moved ?? Number(model.get("value")));
  }

  function tell() {
    const unit = box?.get("unit");
    const value = moved ?? model.get("value");
    setAll(handle, {
      role: "slider",
      "aria-label": nameOf(model, box),
      "aria-valuetext": unit ? `${words()} ${unit}` : words(),
      "aria-valuemin": valueAt(model.get("min")),
      "aria-valuemax": valueAt(model.get("max")),
      "aria-valuenow": value,
      "aria-orientation": model.get("orientation"),
      "aria-disabled": model.get("disabled"),
    });
  }

  function moves(_, which, places) {
    moved = valueAt(places[which]);
    tell();
  }

  slider?.on("slide.tutorial", moves);
  slider?.on("update.tutorial", tell); // after noUiSlider's own words
  signal.addEventListener("abort", () => slider?.off(".tutorial"));
  follow(model, "min max disabled description", signal, tell);
  follow(field ?? model, "value", signal, () => {
    moved = undefined;
    tell();
  });
}

/** Let a slider over words, or over a range with a handle at each end, say what it shows. */
function tellOtherSlider(model, box, element, signal) {
  const handles = [...element.querySelectorAll(".noUi-handle")];
  const slider = element.querySelector(".noUi-target")?.noUiSlider;
  const readout = element.querySelector(".widget-readout");
  const isRange = handles.length > 1;
  const tell = () =>
    handles.forEach((handle, end) =>
      setAll(handle, {
        "aria-label": nameOf(model, box) + (isRange ? [", from", ", to"][end] : ""),
        "aria-valuetext": isRange ? slider.get()[end] : readout.textContent.trim(),
        "aria-disabled": model.get("disabled"),
      }),
    );
  slider?.on("update.tutorial", tell);
  signal.addEventListener("abort", () => slider?.off(".tutorial"));
  follow(model, "value index disabled description", signal, tell);
}

/** Say which of several buttons is pressed. */
function tellToggles(model, element, signal) {
  const group = element.querySelector(".widget-toggle-buttongroup") ?? element;
  setAll(group, { role: "group", "aria-label": nameOf(model) });
  follow(model, "index _options_labels disabled", signal, () =>
    group.querySelectorAll("button").forEach((button, number) => {
      setAll(button, { "aria-pressed": number === model.get("index") });
      hideIcons(button);
    }),
  );
}

/** Say what radio buttons are a choice of: each has a name of its own, the group has none. */
function tellRadios(model, box, element) {
  const group = element.querySelector(".widget-radio-box") ?? element;
  setAll(group, { role: "radiogroup", "aria-label": nameOf(model, box) });
}

/** Let a button that its own click disables keep the focus: who listens would be thrown out of the
 * panel. It is told as disabled, does nothing, and is disabled as others are once that has gone.
 */
function keepFocus(model, button, signal) {
  function rest() {
    const rests = model.get("disabled");
    const holds = rests && button.getRootNode().activeElement === button;
    if (holds) setAll(button, { "aria-disabled": true });
    else button.removeAttribute("aria-disabled");
    button.disabled = rests && !holds;
  }

  const drop = (event) => model.get("disabled") && event.stopImmediatePropagation();
  button.addEventListener("click", drop, { capture: true, signal }); // before ipywidgets hears it
  button.addEventListener("blur", () => setTimeout(rest), { signal });
  follow(model, "description icon tooltip value disabled button_style", signal, rest);
}

/** Say what a button does: an icon is no word. */
function tellButton(model, element, signal) {
  const button = element.matches("button") ? element : element.querySelector("button");
  if (!button) return;
  keepFocus(model, button, signal);
  follow(model, "description icon tooltip value disabled button_style", signal, () => {
    hideIcons(button);
    if (!model.get("description")) setAll(button, { "aria-label": nameOf(model) });
    if (model.get("_view_name") === "ToggleButtonView")
      setAll(button, { "aria-pressed": Boolean(model.get("value")) });
  });
}

function hideIcons(element) {
  for (const icon of element.querySelectorAll("i")) setAll(icon, { "aria-hidden": true });
}

/** Let a progress bar be found, and not spoken by itself: the state tells as much already. */
function tellProgress(model, element, signal) {
  const bar = element.querySelector(".progress") ?? element;
  follow(model, "value max", signal, () => {
    const [value, max] = [model.get("value"), model.get("max")];
    setAll(bar, {
      role: "img",
      "aria-label": `${model.get("description") || "progress"}: ${value} of ${max}`,
    });
  });
}

/** Give a control of ipywidgets the names, values and states that it does not tell by itself. */
function tellControl(model, box, element, signal) {
  const kind = model.get("_view_name");
  if (NAMED.test(kind)) hideLabel(element);
  if (/^(Int|Float|FloatLog)SliderView$/.test(kind)) tellNumberSlider(model, box, element, signal);
  else if (/SliderView$/.test(kind)) tellOtherSlider(model, box, element, signal);
  else if (kind === "ToggleButtonsView") tellToggles(model, element, signal);
  else if (kind === "RadioButtonsView") tellRadios(model, box, element);
  else if (/ButtonView$/.test(kind)) tellButton(model, element, signal);
  else if (kind === "ProgressView") tellProgress(model, element, signal);
  else if (/(Text|Textarea|Dropdown|Select)View$/.test(kind))
    for (const field of element.querySelectorAll(FIELDS)) {
      setAll(field, { "aria-label": nameOf(model, box) });
      tellPurpose(model, field, signal);
    }
}

/** Return what speaks words through a live region: the last ones always, none of them twice. */
function speaker(region, signal) {
  let timer, last;
  const hush = () => region.replaceChildren();
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (words !== last) region.textContent = last = words;
      timer = setTimeout(hush, SPOKEN_MS);
    }, REST_MS);
  };
}

/** Follow the controls that there are, and those that come: boxes are watched, never the lines. */
function tellControls(root, top, signal) {
  const told = new WeakSet();
  const boxes = new MutationObserver(() => look());
  signal.addEventListener("abort", () => boxes.disconnect());

  async function look() {
    for (const [model, box] of within(top))
      for (const coming of Object.values(model.views ?? {})) {
        const { el } = await coming;
        if (signal.aborted || told.has(el) || !root.contains(el)) continue;
        told.add(el);
        if (model.get("children")) boxes.observe(el, { childList: true });
        tellControl(model, box, el, signal);
      }
  }
  return look();
}

/** Call once the kernel has ended, or begun anew: then nobody hears this panel any more. */
function whenEnded(top, signal, act) {
  const { kernel } = top.widget_manager; // JupyterLab's, Notebook's and Voila's have it
  const onStatus = (_, status) => ENDED.includes(status) && act();
  const onLive = () => top.comm_live || act();
  kernel?.statusChanged?.connect(onStatus); // ipywidgets itself hears of "restarting" alone
  kernel?.disposed?.connect(act);
  top.on("comm_live_update", onLive);
  signal.addEventListener("abort", () => {
    kernel?.statusChanged?.disconnect(onStatus);
    kernel?.disposed?.disconnect(act);
    top.off("comm_live_update", onLive);
  });
}

/** Keep keys for the control that has the focus: to the front end they are commands on cells.
 *
 * In Notebook 7 an arrow key on a slider would fold the section, and the panel with it. What goes
 * with Ctrl, Alt or Cmd, Escape, Tab and Shift-Enter stay the front end's.
 */
function keepKeys(root, signal) {
  const isControls = ({ key, altKey, ctrlKey, metaKey, shiftKey }) =>
    !(altKey || ctrlKey || metaKey || (shiftKey && key === "Enter")) &&
    !/^(Escape|Tab|F\d+)$/.test(key);
  window.addEventListener(
    "keydown", // before JupyterLab and Notebook 7 hear it, at the document
    (event) => {
      if (root.contains(event.target)) // of what is around it, it would be read too late
        event.target.toggleAttribute("data-lm-suppress-shortcuts", isControls(event));
    },
    { capture: true, signal },
  );
  root.addEventListener(
    "keydown", // after the control, before the classic notebook, at the document
    (event) => isControls(event) && event.stopPropagation(),
    { signal },
  );
}

/** Let T show the curve as a table and hide it again, Escape too; and copy it, and say so. */
function keepTable(root, speak, signal) {
  const button = () => root.querySelector(".tutorial-table-button");
  const isTable = (element) => element?.closest?.(".tutorial-table");
  const table = () => root.querySelector(".tutorial-table [role=region]");
  const coming = new MutationObserver(() => {
    table()?.focus();
    if (table()) coming.disconnect();
  });
  let from; // what had the focus before

  /** Let the table that comes have the focus: who listens would not hear of it otherwise. */
  function expectTable(origin) {
    from = origin;
    coming.observe(root, { childList: true, subtree: true });
  }

  signal.addEventListener("abort", () => coming.disconnect());
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !button()) return;
      const isKey = event.key.toLowerCase() === "t" && !event.target.matches(FIELDS);
      if (!isKey && !(event.key === "Escape" && isTable(event.target))) return;
      event.preventDefault();
      event.stopPropagation();
      const isOpen = Boolean(table());
      if (isOpen) (from?.isConnected && !isTable(from) ? from : button()).focus();
      button().click();
      if (!isOpen) expectTable(event.target);
    },
    { signal },
  );
  root.addEventListener(
    "click",
    async (event) => {
      const byKey = event.detail === 0;
      if (byKey && event.target.closest(".tutorial-table-button") && !table()) expectTable(button());
      const copy = event.target.closest?.(".tutorial-copy");
      if (!copy) return;
      const rows = [...isTable(copy).querySelectorAll("tr")];
      const lines = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join("\t"));
      try {
        await navigator.clipboard.writeText(lines.join("\n"));
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(isTable(copy).querySelector("table"));
        copy.textContent = "Selected: press Ctrl-C or Cmd-C";
      }
      speak(copy.textContent);
    },
    { signal },
  );
}

/** Let a curve be heard while it is drawn, if somebody asks: its pitch falls with the loss. */
function keepTone(model, el, signal) {
  if (!model.get("can_be_heard")) return;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "tutorial-hear", textContent: "Hear it" });
  button.title = "The loss as a tone while it trains: an octave for each power of ten";
  setAll(button, { "aria-pressed": false });
  el.append(button);
  let audio, tone, volume;

  function sound() {
    if (!audio) return;
    const loss = model.get("loss");
    const octaves = Math.log10(Math.min(Math.max(loss, LOWEST_HEARD), HIGHEST_HEARD)) + 2;
    if (loss > 0) tone.frequency.setTargetAtTime(LOW_HERTZ * 2 ** octaves, audio.currentTime, 0.05);
    volume.gain.setTargetAtTime(loss > 0 ? 0.05 : 0, audio.currentTime, 0.05);
  }

  function hush() {
    audio?.close();
    audio = undefined;
  }

  button.addEventListener("click", () => {
    if (audio) hush();
    else {
      audio = new AudioContext();
      [tone, volume] = [audio.createOscillator(), audio.createGain()];
      volume.gain.value = 0;
      tone.connect(volume).connect(audio.destination);
      tone.start();
    }
    setAll(button, { "aria-pressed": Boolean(audio) });
    model.set("hears", Boolean(audio));
    model.save_changes();
  });
  model.on("change:loss", sound);
  signal.addEventListener("abort", () => {
    hush();
    model.off("change:loss", sound);
  });
}

function render({ model, el }) {
  const ending = new AbortController(), { signal } = ending;
  el.classList.add("tutorial-page");
  el.innerHTML = `<div class="tutorial-end" role="alert" hidden></div>
    <div class="tutorial-spoken" aria-live="polite" aria-atomic="true"></div>`;
  const [end, spoken] = el.children;
  const panel = () => el.closest(PANEL);
  const picture = () => panel()?.querySelector(":scope > img");
  const speak = speaker(spoken, signal);
  keepTone(model, el, signal);
  let timer;

  /** Tell the kernel what the widest view of this panel measures; the others scale its picture.
   *
   * A page says it once: two windows that show one panel would answer each other for ever.
   */
  function measure() {
    const width = panel()?.clientWidth, id = model.get("panel");
    if (!width || !isSeen(panel())) return; // it is hidden, or not there yet
    const told = { width, dots: window.devicePixelRatio, dark: groundOf(panel()) < 0.4 };
    panel().classList.toggle("tutorial-dark", told.dark);
    views.set(el, { id, told });
    const same = [...views].filter(([view, of]) => of.id === id && isSeen(view));
    const seen = same.map(([, of]) => of.told);
    const widest = seen.reduce((wide, each) => (wide.width < each.width ? each : wide), told);
    const words = JSON.stringify(widest);
    if (words === lastTold.get(id)) return;
    lastTold.set(id, words);
    if (words === JSON.stringify(model.get("screen"))) return;
    model.set("screen", widest);
    model.save_changes();
  }

  function describe() {
    const image = picture();
    if (image) image.alt = model.get("picture_words");
  }

  function sayEnded() {
    if (!end.hidden || !panel()) return;
    panel().classList.add("tutorial-ended");
    end.hidden = false;
    end.textContent = model.get("ended_words");
  }

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (measure(), describe()), SETTLED_MS);
  };
  const sizes = new ResizeObserver(soon);
  const looks = new MutationObserver(soon); // a theme is a class or an attribute of the page
  let begin = requestAnimationFrame(async function start() {
    if (!panel()) {
      begin = requestAnimationFrame(start); // a cell out of sight may come into the page later
      return;
    }
    sizes.observe(panel());
    measure();
    describe();
    keepTable(panel(), speak, signal);
    keepKeys(panel(), signal);
    const top = await model.widget_manager.get_model(model.get("panel")).catch(() => undefined);
    if (!top || signal.aborted) return;
    whenEnded(top, signal, sayEnded);
    tellControls(panel(), top, signal);
  });
  for (const root of [document.documentElement, document.body])
    looks.observe(root, { attributes: true });
  window.addEventListener("resize", soon, { signal });
  (function watchDots() {
    const same = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    same.addEventListener("change", () => (soon(), watchDots()), { once: true, signal });
  })(); // on another screen only the dots may change, and no size
  const say = () => speak(model.get("spoken"));
  model.on("change:picture_words", describe);
  model.on("change:spoken", say);
  return () => {
    cancelAnimationFrame(begin);
    clearTimeout(timer);
    ending.abort();
    views.delete(el);
    lastTold.delete(model.get("panel"));
    sizes.disconnect();
    looks.disconnect();
    model.off("change:picture_words", describe);
    model.off("change:spoken", say);
  };
}

export default { render };
