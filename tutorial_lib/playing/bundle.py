"""The scripts and the style sheet of panels that play, as texts for a page."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
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
