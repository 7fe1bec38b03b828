"""Pictures of one's own on the pad: every usual kind is the same ink, or refused in words."""

import numpy as np
import pytest
import torch
from PIL import Image

from tutorial_lib.labs import DigitPad
from tutorial_lib.labs.digit_pad.handwriting import STROKES, as_mnist, draw_strokes, on_paper
from tutorial_lib.labs.digit_pad.own_pictures import as_ink

INK = draw_strokes(STROKES[4], 56, 5).copy()  # (56, 56) uint8
RGB = np.stack([INK] * 3, axis=-1)  # (56, 56, 3)


def with_alpha(grey: int, alpha: np.ndarray) -> Image.Image:
    image = Image.new("RGB", (56, 56), (grey,) * 3)
    image.putalpha(Image.fromarray(alpha))
    return image


def rotated_by_its_camera() -> Image.Image:
    image = Image.fromarray(np.rot90(INK).copy())
    image.getexif()[0x0112] = 6  # to be turned clockwise
    return image


SAME = {
    "uint8": INK,
    "0 to 1, float32": (INK / 255).astype(np.float32),
    "0 to 1, float64": INK / 255,
    "0 to 255, float64": INK.astype(float),
    "int64": INK.astype(np.int64),
    "uint16": INK.astype(np.uint16) * 257,
    "uint16, big-endian": (INK.astype(np.uint16) * 257).astype(">u2"),
    "nested lists": INK.tolist(),
    "black on white": 255 - INK,
    "black on white, 0 to 1": 1 - INK / 255,
    "a tensor (1, H, W)": torch.from_numpy(INK)[None] / 255,
    "a tensor with a gradient": (torch.from_numpy(INK) / 255).requires_grad_(),
    "a batch of one (1, 1, H, W)": torch.from_numpy(INK)[None, None],
    "colours (H, W, 3)": RGB,
    "colours (3, H, W), 0 to 1": np.moveaxis(RGB, 2, 0) / 255,
    "one channel (H, W, 1)": INK[..., None],
    "white on clear (H, W, 4)": np.dstack([np.full_like(RGB, 255), INK]),
    "PIL, grey": Image.fromarray(INK),
    "PIL, colours, black on white": Image.fromarray(255 - RGB),
    "PIL, 16 bits": Image.fromarray(INK.astype(np.uint16) * 257),
    "PIL, 32 bits": Image.fromarray(INK.astype(np.int32)),
    "PIL, 32 bits, deep": Image.fromarray(INK.astype(np.int32) * 257),
    "PIL, floats": Image.fromarray(INK / np.float32(255)),
    "PIL, a palette": Image.fromarray(INK).convert("P"),
    "PIL, for print": Image.fromarray(255 - RGB).convert("CMYK"),
    "PIL, black on clear": with_alpha(0, INK),
    "PIL, white on clear": with_alpha(255, INK),
    "PIL, turned by its camera": rotated_by_its_camera(),
}
BITS = {
    "booleans": INK > 127,
    "booleans, black on white": INK <= 127,
    "0 and 1": (INK > 127).astype(np.uint8),
    "a tensor of booleans": torch.from_numpy(INK > 127),
    "PIL, 1 bit": Image.fromarray(INK > 127),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_picture_of_any_kind_is_the_same_ink(kind):
    assert np.abs(as_ink(SAME[kind]).astype(int) - INK).max() <= 1


@pytest.mark.parametrize("kind", BITS)
def test_of_two_values_one_is_ink(kind):
    np.testing.assert_array_equal(as_ink(BITS[kind]), 255 * (INK > 127))


def test_grey_paper_is_paper():
    photo = np.clip(200 - 0.7 * INK, 0, 255)  # ink of 22 on paper of 200
    assert as_ink(photo)[0, 0] == 0
    assert as_ink(photo).max() == 178


def test_the_grain_of_a_photograph_is_no_ink():
    draw = np.random.default_rng(0)
    large = np.kron(INK, np.ones((8, 8)))
    photo = (200 - 0.7 * large + draw.normal(0, 5, large.shape)).clip(0, 255).astype(np.uint8)
    seen, clean = (as_mnist(as_ink(picture)).astype(float) for picture in (photo, large))
    assert np.abs(seen * 255 / seen.max() - clean).mean() < 5


def test_a_picture_cut_close_keeps_its_strokes():
    rows, columns = INK.nonzero()
    cut = INK[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert np.abs(as_ink(cut).astype(int) - cut).max() <= 64


def test_a_white_card_on_clear_ground_is_its_digits_paper():
    card = Image.fromarray(255 - RGB)
    alpha = np.zeros((56, 56), np.uint8)
    alpha[3:-3, 3:-3] = 255
    card.putalpha(Image.fromarray(alpha))
    np.testing.assert_array_equal(as_ink(card), INK)


REFUSED = [
    (np.zeros(784), r"shape \(H, W\); got \(784,\)"),
    (np.zeros((28, 28, 5)), r"got \(28, 28, 5\)"),
    (np.zeros((2, 1, 28, 28)), r"got \(2, 1, 28, 28\)"),
    (np.zeros((0, 28)), r"got \(0, 28\)"),
    (np.zeros((28, 0, 3)), r"got \(28, 0, 3\)"),
    (7, r"got \(\)"),
    (np.where(INK > 0, np.nan, 0), "between 0 and 255, or be uint16; got nan to nan, float64"),
    (np.where(INK > 0, np.inf, 0), "got 0 to inf"),
    (INK - 128.0, "got -128 to 127, float64"),
    (INK.astype(np.int32) * 257, "got 0 to 65535, int32"),
    ((INK / 255 - 0.1307) / 0.3081, r"got -0.42.* take 0.3081 \* images \+ 0.1307"),
    (INK // 5, "no ink can be told from the paper.*got 0 to 51, and a paper of 0"),
    (np.full((28, 28), 255), "no ink can be told.*got 255 to 255"),
    (np.full((28, 28), 0.5), "no ink can be told"),
    (np.full((28, 28), "ink"), "got a ndarray of <U3"),
    (np.full((28, 28), 1j), "complex128"),
    (None, "got a NoneType of object"),
    ([[1, 2], [3]], r"pixels must be numbers of shape \(H, W\)"),
    (Image.new("RGBA", (28, 28)), "no ink can be told"),
]


@pytest.mark.parametrize(("picture", "words"), REFUSED)
def test_what_is_no_drawing_is_refused_in_words_and_the_pad_stays(picture, words):
    pad = DigitPad(lambda: None)
    pad.preset(3)
    before = pad.drawing
    with pytest.raises(ValueError, match=words):
        pad.recognise(picture)
    assert pad.drawing == before


@pytest.mark.parametrize("empty", [np.zeros((28, 28)), np.zeros((9, 9), bool), np.zeros((5, 5, 3))])
def test_nothing_at_all_is_empty_paper(empty):
    assert not as_ink(empty).any()


def test_a_thin_line_of_a_large_picture_does_not_fade_away():
    sheet = np.zeros((3000, 3000), np.uint8)
    sheet[500:2500, 1500] = 255
    drawing = on_paper(as_ink(sheet), 280)
    assert drawing.max() == 255
    assert as_mnist(drawing).max() > 127


def test_two_faint_dots_far_apart_are_seen_too():
    sheet = np.zeros((280, 280), np.uint8)
    sheet[3, 3] = sheet[270, 270] = 50
    assert np.count_nonzero(as_mnist(sheet)) == 2


@pytest.mark.parametrize("shape", [(1, 40), (3, 299), (1000, 11)])
def test_a_long_picture_is_laid_on_the_sheet(shape):
    assert on_paper(np.full(shape, 255), 280).max() == 255


def test_a_picture_that_would_be_thinner_than_a_pixel_is_refused():
    with pytest.raises(ValueError, match="100 times as long as wide"):
        on_paper(np.full((1, 1000), 255), 280)
