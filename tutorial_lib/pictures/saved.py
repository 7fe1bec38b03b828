"""A picture that stays: in a notebook's output, and on an exported page."""

from IPython.display import Image


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
