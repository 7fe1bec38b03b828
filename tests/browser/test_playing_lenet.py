"""LeNet in the page answers as torch does, and reads what is drawn by mouse, finger and keys."""

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pytest
import torch
from axe import load_axe, violations
from PIL import Image
from windows import SCREENS, windows

from tutorial_lib import evaluate, load_digits
from tutorial_lib.data import normalise
from tutorial_lib.labs.digit_pad.handwriting import (
    STROKES,
    as_input,
    as_mnist,
    draw_strokes,
    read_digit,
)
from tutorial_lib.playing import bundle, record_lenet

pytestmark = pytest.mark.browser
SCRIPTS = ("core.js", "recorded/lenet.js", "lenet.js", "pad.js")
PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A pad</title>
<meta name="viewport" content="width=device-width">
<style>{style} body {{ font-family: sans-serif }}</style>
<main><h1>A pad</h1><div><div class="playing" data-panel="pad"></div></div></main>
<script>{script}; playing.start(document)</script>"""
WEIGHTS = "const weights = playing.lenet.network(playing.recorded.lenet.weights)"


@pytest.fixture(scope="module")
def sample():
    return load_digits("sample", device="cpu")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("pad") / "pad.html"
    text = PAGE.format(style=bundle.style_text(), script=bundle.script_text(*SCRIPTS))
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def open_pad(browser, address):
    """Return a function that opens the pad in a window; what it said is in `page.said`."""
    with windows(browser, address) as open_one:

        def open_pad(**options):
            page = open_one(**options)
            page.locator(".playing-paper").wait_for()
            return page

        yield open_pad


@pytest.fixture(scope="module")
def pad(open_pad):
    return open_pad()


@pytest.fixture(scope="module")
def recorded() -> dict:
    text = record_lenet.PATH.read_text(encoding="utf-8")
    return json.loads(re.search(r'recorded\["lenet"\] = (.*);', text).group(1))


@pytest.fixture(scope="module")
def model(recorded):
    return record_lenet.model_of(recorded["weights"])


def in_page(page, code: str, array: np.ndarray) -> np.ndarray:
    """Return what an expression gives for each row of an array, which is `given` there."""
    kind = {"uint8": "Uint8Array", "float32": "Float32Array"}[array.dtype.name]
    text = page.evaluate(
        f"""text => {{
          {WEIGHTS};
          const {{ buffer }} = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const all = new {kind}(buffer), size = {array[0].size};
          const answers = Array.from({{ length: {len(array)} }}, (_, row) => {{
            const given = all.subarray(row * size, (row + 1) * size);
            return Array.from({code});
          }});
          const bytes = new Uint8Array(Float64Array.from(answers.flat()).buffer);
          return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
        }}""",
        base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
    )
    return np.frombuffer(base64.b64decode(text)).reshape(len(array), -1)


# ---- the network ----


def test_logits_and_probabilities_are_those_of_torch_for_all_test_digits(pad, model, sample):
    images = sample.test.inputs  # (500, 1, 32, 32)
    assert len(images) == 500
    with torch.no_grad():
        logits = model(images).double()
    answers = in_page(pad, "playing.lenet.forward(weights, given)", images.numpy())  # (500, 10)
    np.testing.assert_allclose(answers, logits, rtol=0, atol=1e-4)
    code = "playing.lenet.softmax(playing.lenet.forward(weights, given))"
    answers = in_page(pad, code, images.numpy())
    np.testing.assert_allclose(answers, logits.softmax(1), rtol=0, atol=1e-4)


def test_the_recorded_weights_are_as_good_as_is_said(recorded, model, sample):
    assert recorded["parameters"] == 61_706
    for name in ("validation", "test"):
        split = getattr(sample, name)
        said = recorded["accuracy"][name]
        assert (evaluate(model, split).accuracy, len(split)) == (said["share"], said["of"])


def test_recording_anew_gives_the_same_kind_of_record(sample, recorded):
    few = dataclasses.replace(sample, train=sample.train.part(torch.arange(100)), validation=None)
    settings = record_lenet.SETTINGS.replace(epochs=1, batch_size=10)
    anew = record_lenet.record(few, settings)
    assert anew.keys() == recorded.keys()
    assert len(anew["weights"]) == len(recorded["weights"])
    assert anew["accuracy"].keys() == {"test"}


# ---- from a drawing to the network's input ----


def ways_to_draw() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    sheets = {f"digit {digit}": draw_strokes(STROKES[digit], 280, 18) for digit in STROKES}
    for number in range(25):
        sheet = np.zeros((280, 280), np.uint8)
        top, left = draw.integers(0, 250, 2)
        rows, columns = draw.integers(1, 280, 2)
        part = sheet[top : top + rows, left : left + columns]
        part[...] = draw.integers(0, 256, part.shape) * (draw.random(part.shape) < draw.random())
        sheets[f"noise {number}"] = sheet
    thin = np.zeros((280, 280), np.uint8)
    thin[:, 100], thin[37, :] = 200, 90  # so thin that their darkness would be lost
    sheets |= {"thin": thin, "empty": np.zeros((280, 280), np.uint8), "all": thin * 0 + 255}
    dot, ones = thin * 0, thin * 0
    dot[3, 4], ones[100:150, 30:40] = 255, 1  # where no number is above 1, 1 is ink
    for width in (5, 7):  # 2.5 and 3.5 pixels of the box: halves go to the even neighbour
        sheets[f"bar {width}"] = np.zeros((280, 280), np.uint8)
        sheets[f"bar {width}"][50:90, 60 : 60 + width] = 255
    return sheets | {"a dot": dot, "ones": ones}


DRAWN = ways_to_draw()


def test_a_drawing_is_centred_as_python_centres_it_to_the_byte(pad):
    sheets = np.stack(list(DRAWN.values()))
    fields = in_page(pad, "playing.lenet.asMnist(given, 280, 280)", sheets)
    for (name, sheet), field in zip(DRAWN.items(), fields, strict=True):
        np.testing.assert_array_equal(np.reshape(field, (28, 28)), as_mnist(sheet), err_msg=name)


def test_a_digit_is_normalised_as_python_does_to_the_last_bit(pad):
    digits = np.random.default_rng(1).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    inputs = in_page(pad, "playing.lenet.asInput(given)", digits)
    inputs = torch.from_numpy(inputs.astype(np.float32)).view(20, 1, 32, 32)
    assert torch.equal(inputs, normalise(torch.from_numpy(digits)))
    assert torch.equal(inputs[:1], as_input(digits[0]))


def test_the_tidy_digits_are_those_of_the_lab(pad):
    strokes = pad.evaluate("playing.pad.STROKES")
    assert dict(enumerate(strokes)) == {
        digit: [[list(point) for point in stroke] for stroke in strokes]
        for digit, strokes in STROKES.items()
    }


# ---- the pad ----


def read_in_python(page, model) -> tuple[int, float]:
    """Return what Python reads on the pad's paper, and how sure it is."""
    paper = "document.querySelector('.playing-paper')"
    text = page.evaluate(f"playing.pad.inkOf({paper}).join()")
    ink = np.fromstring(text, np.uint8, sep=",").reshape(280, 280)
    probabilities = read_digit(model, as_mnist(ink))
    return int(np.argmax(probabilities)), max(probabilities)


def said_of(page) -> tuple[int, float]:
    words = page.locator(".playing-status").inner_text()
    digit, percent = re.fullmatch(r"The network reads an? (\d) \((\d+) %\)\.", words).groups()
    return int(digit), int(percent) / 100


def test_a_digit_drawn_by_mouse_is_read_as_in_python(open_pad, model):
    page = open_pad()
    page.locator(".playing-paper").scroll_into_view_if_needed()
    box = page.locator(".playing-paper").bounding_box()
    (x, y), *others = [(box["x"] + 2.8 * x, box["y"] + 2.8 * y) for x, y in STROKES[7][0]]
    page.mouse.move(x, y)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    digit, probability = read_in_python(page, model)
    assert digit == 7
    assert said_of(page) == (7, pytest.approx(probability, abs=0.0051))
    assert page.locator(".playing-best b").inner_text() == "7"
    page.get_by_role("button", name="Clear").click()
    assert page.locator(".playing-status").inner_text() == "Draw a digit, 0 to 9."
    assert page.said == []


def test_a_digit_drawn_by_a_finger_is_read_and_the_page_does_not_scroll(open_pad, model):
    page = open_pad(viewport={"width": 360, "height": 700}, has_touch=True, is_mobile=True)
    paper = page.locator(".playing-paper")
    paper.scroll_into_view_if_needed()
    box, scrolled = paper.bounding_box(), page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)
    scale = box["width"] / 100
    for number, (x, y) in enumerate(STROKES[1][0]):
        kind = "touchMove" if number else "touchStart"
        point = {"x": box["x"] + scale * x, "y": box["y"] + scale * y}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator(".playing-best").wait_for()
    assert said_of(page) == (1, pytest.approx(read_in_python(page, model)[1], abs=0.0051))
    assert page.evaluate("scrollY") == scrolled
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_digit_drawn_by_keys_is_read_and_deleted(open_pad, model):
    page = open_pad()
    page.locator(".playing-paper").focus()
    for keys in ("ArrowUp " * 10, "Space", "ArrowDown " * 20, "Space"):
        for key in keys.split():
            page.keyboard.press(key)
    assert said_of(page) == (1, pytest.approx(read_in_python(page, model)[1], abs=0.0051))
    page.locator(".playing-spoken", has_text="The network reads a 1").wait_for(state="attached")
    page.keyboard.press("Delete")
    assert page.locator(".playing-best").count() == 0
    page.keyboard.press("Tab")  # nobody is caught
    assert page.evaluate("document.activeElement.className") != "playing-paper"


@pytest.mark.parametrize("digit", range(10))
def test_each_tidy_digit_is_read(pad, digit):
    pad.get_by_label("or show it a").select_option(label=str(digit))
    assert said_of(pad)[0] == digit


def test_it_says_what_is_recorded_and_when(pad, recorded):
    note = pad.locator(".playing-note").inner_text()
    for words in (recorded["date"], "61,706 weights", "96.0% of 500 test digits", "seed 0"):
        assert words in note


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_is_as_light_or_dark_as_the_page(scheme, open_pad):
    page = open_pad(color_scheme=scheme)
    for paper in page.locator("canvas").all():
        seen = Image.open(io.BytesIO(paper.screenshot())).convert("L")
        assert (seen.getpixel((seen.width // 2, seen.height // 2)) < 64) == (scheme == "dark")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_readers_find_nothing_that_keeps_them_out(width, scheme, open_pad):
    page = open_pad(viewport={"width": width, "height": 768}, color_scheme=scheme)
    page.get_by_label("or show it a").select_option(label="3")
    load_axe(page)
    assert violations(page, ".playing") == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
