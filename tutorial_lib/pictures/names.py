"""Names that people give, on pictures: plain text, whatever they hold."""

import unicodedata
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

from tutorial_lib.table import shortened

MAX_LINES = 3
LACKED = "\N{WHITE SQUARE}"  # instead of a letter that no font has: matplotlib would warn at each
UNSEEN = "\N{ZERO WIDTH SPACE}"  # before a leading underscore, which matplotlib takes for "no name"


def plain_text(text: object, most: int = 40) -> str:
    r"""Return a text that matplotlib draws as it stands: no formula, no letter without a picture.

    It keeps its lines, up to three. For texts of ours that hold a formula on purpose there is no
    need of it.

    Args:
        most: So many letters are kept; of a longer text the end is an ellipsis.
    """
    lines = [_drawable(line).strip() for line in str(text).strip().splitlines()]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"{lines[MAX_LINES - 1]}\N{HORIZONTAL ELLIPSIS}"]
    plain = shortened("\n".join(lines), most).replace("$", r"\$")
    return UNSEEN + plain if plain.startswith("_") else plain


def _drawable(line: str) -> str:
    """Return a line without what has no form, and with a square for what no font has."""
    spaced = "".join(" " if letter.isspace() else letter for letter in line)
    kept = [letter for letter in spaced if unicodedata.category(letter) not in ("Cc", "Cf")]
    kept = [letter for letter in kept if not "\ufe00" <= letter <= "\ufe0f"]  # variants of emoji
    families = tuple(FontProperties().get_family())
    return "".join(letter if _is_in_fonts(letter, families) else LACKED for letter in kept)


@cache
def _is_in_fonts(letter: str, families: tuple[str, ...]) -> bool:
    fonts = (get_font(findfont(FontProperties(family=[family]))) for family in families)
    return any(font.get_char_index(ord(letter)) for font in fonts)
