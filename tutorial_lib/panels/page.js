// The part of a panel that lives in the page: it says what screen the panel is on, and gives its
// picture the words that say what is to be seen.

const PANEL = ".tutorial-panel";
const SETTLED_MS = 150; // a window that is being drawn larger is measured once

/** Return the luminance, 0 to 1, of what an element stands on. */
function groundOf(element) {
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
    const numbers = getComputedStyle(at).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    if (numbers.length >= 3 && (numbers[3] ?? 1) > 0.5)
      return (0.2126 * numbers[0] + 0.7152 * numbers[1] + 0.0722 * numbers[2]) / 255;
  }
  return 1;
}

function render({ model, el }) {
  el.classList.add("tutorial-page");
  const panel = () => el.closest(PANEL);
  const picture = () => panel()?.querySelector(":scope > img");
  let timer;

  function measure() {
    const width = panel()?.clientWidth;
    if (!width) return; // it is hidden, or not there yet
    const told = { width, dots: window.devicePixelRatio, dark: groundOf(panel()) < 0.4 };
    if (JSON.stringify(told) === JSON.stringify(model.get("screen"))) return;
    model.set("screen", told);
    model.save_changes();
  }

  function describe() {
    const image = picture();
    if (image) image.alt = model.get("picture_words");
  }

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (measure(), describe()), SETTLED_MS);
  };
  const sizes = new ResizeObserver(soon);
  const looks = new MutationObserver(soon); // a theme is a class or an attribute of the page
  const begin = requestAnimationFrame(() => {
    if (panel()) sizes.observe(panel());
    measure();
    describe();
  });
  for (const root of [document.documentElement, document.body])
    looks.observe(root, { attributes: true });
  window.addEventListener("resize", soon); // also where only the dots have changed
  model.on("change:picture_words", describe);
  return () => {
    cancelAnimationFrame(begin);
    clearTimeout(timer);
    sizes.disconnect();
    looks.disconnect();
    window.removeEventListener("resize", soon);
    model.off("change:picture_words", describe);
  };
}

export default { render };
