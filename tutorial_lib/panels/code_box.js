// A script to read and to copy. It is selected when it opens, so Ctrl-C works, too.

function render({ model, el }) {
  el.classList.add("code-box");
  el.innerHTML = `
    <button type="button"></button>
    <textarea readonly spellcheck="false" wrap="off" aria-label="The script"></textarea>`;
  const button = el.querySelector("button");
  const area = el.querySelector("textarea");

  const show = () => {
    area.value = model.get("code");
    area.rows = area.value.trimEnd().split("\n").length + 1; // one for a scroll bar
    button.textContent = "Copy to the clipboard";
  };

  // Only what comes of a click is spoken, not that the button is there.
  button.addEventListener("focus", () => button.setAttribute("aria-live", "polite"));
  button.addEventListener("click", async () => {
    area.select();
    try {
      await navigator.clipboard.writeText(area.value);
      button.textContent = "Copied";
    } catch {
      // a page that came by plain http has no clipboard, but may have the older way
      const copied = document.execCommand("copy");
      button.textContent = copied ? "Copied" : "Selected: press Ctrl-C or Cmd-C";
    }
  });
  area.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab's shortcuts

  model.on("change:code", show);
  show();
  requestAnimationFrame(() => {
    area.focus({ preventScroll: true });
    area.select();
  });
  return () => model.off("change:code", show);
}

export default { render };
