"""Where the texts of a picture stand, and which of them touch."""

from itertools import combinations
from unittest import mock

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

NEAR = 0.5  # dots that boxes may share: letters are placed on whole ones
APART = 2.0  # pixels of the page between words on one line, at least: "1020" is no 10 and 20


def collisions(figure: Figure) -> list[str]:
    """Return in words what touches: two texts, a text and axes that it is not on, or the edge."""
    texts, draw = [], Text.draw

    def draw_and_note(text: Text, renderer: object) -> None:
        texts.append(text)
        draw(text, renderer)

    with mock.patch.object(Text, "draw", draw_and_note):
        FigureCanvasAgg(figure).draw()
    boxes = [(text, text.get_window_extent()) for text in texts if text.get_text().strip()]
    boxes = [(repr(text.get_text()), box) for text, box in boxes if text.get_visible()]
    frames = [axes.get_window_extent() for axes in figure.axes if axes.get_visible()]
    return [
        *(
            f"{one} and {other}"
            for (one, box), (other, its_box) in combinations(boxes, 2)
            if _overlap(box, its_box, APART * figure.dpi / 100)
        ),
        *(f"{text} and the edge" for text, box in boxes if not _contains(figure.bbox, box)),
        *(
            f"{text} and the frame of axes"
            for text, box in boxes
            for frame in frames
            if _overlap(box, frame) and not _contains(frame, box)
        ),
    ]


def _overlap(one: Bbox, other: Bbox, apart: float = 0.0) -> bool:
    across = min(one.x1, other.x1) - max(one.x0, other.x0) + apart
    return across > NEAR and min(one.y1, other.y1) - max(one.y0, other.y0) > NEAR


def _contains(outer: Bbox, box: Bbox) -> bool:
    across = outer.x0 - NEAR <= box.x0 and box.x1 <= outer.x1 + NEAR
    return across and outer.y0 - NEAR <= box.y0 and box.y1 <= outer.y1 + NEAR
