"""The scripts and the style sheet of panels that play, as texts for a page."""

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
START = ("core.js", "start.js")  # what a page loads by itself
PANELS = {  # name -> the scripts that it needs besides core.js, in this order
    "training": ("recorded/training.js", "training.js"),
    "parabola": ("computed.js", "parabola.js"),
    "losses": ("computed.js", "losses.js"),
    "softmax": ("computed.js", "softmax.js"),
    "one_step": ("computed.js", "optimizers.js", "one_step.js"),
    "paths": ("computed.js", "optimizers.js", "paths.js"),
    "pad": ("recorded/lenet.js", "lenet.js", "pad.js"),
    "map": ("recorded/map.js", "map.js"),
}
# What would end a script, begin markup, or break a line within a string of JavaScript.
HARMFUL = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def script_text(*names: str) -> str:
    """Return scripts, one after the other; core.js is not brought along by itself.

    Args:
        names: Such as ``core.js`` of the folder scripts, or ``recorded/training.js``.

    Raises:
        ValueError: There is no such script.
    """
    return "\n".join(path_of(name).read_text(encoding="utf-8") for name in names)


def place_of(
    panel: str, options: Mapping[str, Any] | None = None, *, base: str = "", within: str = ""
) -> str:
    """Return the HTML of the place that a panel takes in a page, once core.js has started it.

    Args:
        panel: A name in PANELS.
        options: Where its controls stand at first.
        base: The address of the folder that holds the scripts, with its slash; "" where the page
            has them already.
        within: A CSS selector of what is around it, in which pictures of the class playing-still
            stand until the panel plays; by default its parent.
    """
    attributes = {"class": "playing", "data-panel": panel}
    if base:
        attributes |= {"data-scripts": " ".join(PANELS[panel]), "data-base": base}
    if within:
        attributes["data-within"] = within
    if options:
        attributes["data-options"] = json.dumps(dict(options))
    inside = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<div {inside}></div>"


def path_of(name: str) -> Path:
    """Return where a script lies.

    Raises:
        ValueError: There is no such script.
    """
    known = {script: FOLDER / "scripts" / script for script in _names("scripts")}
    known |= {f"recorded/{script}": FOLDER / "recorded" / script for script in _names("recorded")}
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(sorted(known))}; got {name!r}")
    return known[name]


def style_text() -> str:
    """Return the style sheet of all panels that play."""
    return (FOLDER / "play.css").read_text(encoding="utf-8")


def as_script(name: str, data: Any) -> str:
    """Return a script that hands data to the panels of a page, as ``playing.recorded[name]``.

    Whatever texts are in the data, they end no script and begin no markup, within a page too.

    Args:
        data: What JSON can hold; NaN and infinities are not among it.

    Raises:
        ValueError: There is a NaN or an infinity.
    """
    return (
        "window.playing = window.playing || {};\n"
        "playing.recorded = playing.recorded || {};\n"
        f"playing.recorded[{_json(name)}] = {_json(data)};\n"
    )


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(str.maketrans(HARMFUL))


def _names(kind: str) -> list[str]:
    return sorted(path.name for path in (FOLDER / kind).glob("*.js"))
