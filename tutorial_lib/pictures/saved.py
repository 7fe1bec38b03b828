"""A picture that stays: in a notebook's output, on an exported page, and in a file."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import PIL.Image
from IPython.display import Image
from PIL.PngImagePlugin import PngInfo

from tutorial_lib.files import replacing
from tutorial_lib.pictures.curve_file import MADE_BY, SIGNATURE, check_picture

VIEWER_SECONDS = 10.0  # so long a viewer may take to start


class Picture(Image):
    """A PNG with the words that say what it shows, for those who do not see it.

    Args:
        png: Its bytes.
        alt: The words. They reach exported pages, too.
        width: Pixels of the page that it takes.
    """

    def __init__(self, png: bytes, *, alt: str, width: int) -> None:
        # IPython 7.34, Colab's, has no `alt` of its own.
        super().__init__(png, format="png", width=width, metadata={"alt": alt})
        self.alt = alt

    def __repr__(self) -> str:
        return f"Picture: {self.alt} (save(path) or open() it)"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture and its words into a .png file; returns where that is.

        Raises:
            ValueError: It cannot be written there, or another program's file would be lost.
        """
        try:
            there = check_picture(Path(path))
            with replacing(there, start=SIGNATURE) as file:
                file.write(self._with_words())
        except TypeError as error:
            raise ValueError(f"path must name a .png file; got {path!r}") from error
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or error
            raise ValueError(f"the picture cannot be saved at {path}: {words}") from error
        return there

    def open(self) -> None:
        """Show the picture in the system's viewer; where there is none, say where it was saved."""
        there = self.save(Path(tempfile.mkdtemp(prefix="tutorial-")) / "picture.png")
        if not _view(there):
            print(f"No viewer was found; the picture is in {there}")

    def _with_words(self) -> bytes:
        info = PngInfo()
        for name, words in (MADE_BY | {"Description": self.alt}).items():
            info.add_text(name, words)
        buffer = io.BytesIO()
        with PIL.Image.open(io.BytesIO(self.data)) as image:
            image.save(buffer, "png", pnginfo=info)
        return buffer.getvalue()


def _view(path: Path) -> bool:
    """Show a file in the system's viewer; say whether there is one."""
    if sys.platform == "win32":
        os.startfile(path)
        return True
    is_mac = sys.platform == "darwin"
    opener = shutil.which("open" if is_mac else "xdg-open")
    has_screen = is_mac or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if opener is None or not has_screen:
        return False
    with contextlib.suppress(subprocess.TimeoutExpired):  # then it shows it
        return subprocess.run([opener, path], timeout=VIEWER_SECONDS, check=False).returncode == 0
    return True
