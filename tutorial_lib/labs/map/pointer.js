// The hand on a map: where the mouse rests on the panel's picture, and where it clicks.

const RESTS_MS = 120; // so long the mouse rests before a place counts as pointed at

function render({ model, el }) {
  const ending = new AbortController(), { signal } = ending;
  el.style.margin = el.style.minHeight = "0";
  let timer, count = 0, begin;

  /** Return where on the picture an event is, each from 0 to 1, from its upper left corner. */
  function placeOf(event) {
    const box = event.currentTarget.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function tell(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function follow(picture) {
    picture.style.cursor = "crosshair";
    picture.draggable = false;
    picture.addEventListener(
      "pointermove",
      (event) => {
        const place = placeOf(event);
        clearTimeout(timer);
        if (event.pointerType === "mouse")
          timer = setTimeout(() => tell("pointed", place), RESTS_MS);
      },
      { signal },
    );
    picture.addEventListener("pointerleave", () => clearTimeout(timer), { signal });
    picture.addEventListener(
      "click",
      (event) => {
        clearTimeout(timer);
        tell("clicked", [...placeOf(event), ++count]);
      },
      { signal },
    );
  }

  begin = requestAnimationFrame(function start() {
    const picture = el.closest(".tutorial-panel")?.querySelector(":scope > img");
    if (picture) follow(picture);
    else begin = requestAnimationFrame(start); // a cell out of sight may come into the page later
  });
  return () => {
    cancelAnimationFrame(begin);
    clearTimeout(timer);
    ending.abort();
  };
}

export default { render };
