"""LeNet is drawn with what each of its layers really makes of a digit."""

import pytest
import torch
from matplotlib.figure import Figure

from tutorial_lib import LeNet5
from tutorial_lib.pictures import alt_of, draw_lenet
from tutorial_lib.pictures.lenet import layers_of


@pytest.fixture
def model():
    return LeNet5(seed=0)


def test_each_layer_is_what_the_network_computes(model, sample):
    image = sample.validation.images[0]
    made = layers_of(model, image)
    shapes = [tuple(values.shape) for values in made.values()]
    assert shapes == [
        (1, 32, 32), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,),
    ]  # fmt: skip
    with torch.no_grad():
        answer = model(image[None])[0].softmax(dim=0)
    torch.testing.assert_close(made["outputs"], answer)


def test_all_maps_are_drawn_and_ten_bars(model, sample):
    axes = Figure(figsize=(7.5, 2.7)).add_subplot()
    draw_lenet(axes, model, sample.validation.images[0])
    assert len(axes.images) == 1 + 6 + 6 + 16 + 16 + 1 + 1
    assert sum(len(bars) for bars in axes.containers) == 10
    sizes = {text.get_text() for text in axes.texts}
    assert {
        "32 x 32",
        "6 x 28 x 28",
        "6 x 14 x 14",
        "16 x 10 x 10",
        "16 x 5 x 5",
        "120",
        "84",
    } <= sizes


def test_nothing_that_is_drawn_lies_outside_the_axes(model, sample):
    figure = Figure(figsize=(7.5, 2.7), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    draw_lenet(axes, model, sample.validation.images[0])
    figure.draw_without_rendering()
    room = axes.get_xlim(), axes.get_ylim()
    for image in axes.images:
        left, right, bottom, top = image.get_extent()
        assert room[0][0] <= left < right <= room[0][1]
        assert room[1][0] <= bottom < top <= room[1][1]
    for text in axes.texts:
        box = text.get_window_extent().transformed(figure.transFigure.inverted())
        assert 0 <= box.x0 < box.x1 <= 1, text.get_text()
        assert 0 <= box.y0 < box.y1 <= 1, text.get_text()


def test_the_strongest_is_the_darkest_and_a_silent_layer_is_blank(model, sample):
    torch.nn.init.zeros_(model.fc2.weight)
    torch.nn.init.constant_(model.fc2.bias, -1.0)
    axes = Figure().add_subplot()
    draw_lenet(axes, model, sample.validation.images[0])
    digit, *_, fc1, fc2 = axes.images
    assert digit.get_array().max() == fc1.get_array().max() == 1
    assert fc2.get_array().max() == 0


def test_its_words_say_sizes_and_answer(model, sample):
    figure = Figure()
    image = sample.validation.images[0]
    draw_lenet(figure.add_subplot(), model, image)
    made = layers_of(model, image)
    answer = int(made["outputs"].argmax())
    words = alt_of(figure)
    assert "conv2 16 x 10 x 10" in words
    assert f"answers: {answer}: {100 * made['outputs'].max():.0f}%" in words


def test_the_model_stays_in_its_mode(model, sample):
    model.train()
    layers_of(model, sample.validation.images[0])
    assert model.training
    assert all(weights.grad is None for weights in model.parameters())
