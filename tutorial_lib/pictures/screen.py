"""What a picture is drawn for: a place on a screen, or paper."""

from dataclasses import dataclass

WIDEST = 900  # pixels of the page that a picture takes at most
NARROWEST = 300
NARROW = 640  # from here down, what stood side by side stands one below the other


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a picture is seen."""

    width: int = WIDEST  # pixels of the page that there are for it, NARROWEST to WIDEST
    dots: float = 1.0  # of the screen, for each of those pixels, 1 to 3
    dark: bool = False  # whether it stands on a dark ground

    @property
    def is_narrow(self) -> bool:
        """Whether parts of a picture stand one below the other."""
        return self.width < NARROW


PAPER = Screen()  # what is saved, printed or exported: light, and as wide as a page
