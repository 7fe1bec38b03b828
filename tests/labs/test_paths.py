"""Ways down surfaces, against ways worked by hand and our own update rules."""

import asyncio
import threading

import pytest
import torch
from matplotlib.figure import Figure

from tutorial_lib.labs.paths.draw import draw_descents
from tutorial_lib.labs.paths.measure import SURFACES, Descent, descend
from tutorial_lib.labs.paths.panel import paths_panel
from tutorial_lib.optimizers import OPTIMIZERS, apply_rule

RAVINE = SURFACES["ravine"]  # its gradient is (x, 20 y)
RATE, NUM_STEPS = 0.01, 30


@pytest.mark.parametrize(
    ("name", "ways"),
    {
        # 0.1 of (-4, 20): to (-3.6, -1); then of (-3.6, -20)
        "sgd": [(-4, 1), (-3.6, -1), (-3.24, 1)],
        # v = (-4, 20); then v = (-2, 10) + (-3.6, -20) = (-5.6, -10)
        "momentum": [(-4, 1), (-3.6, -1), (-3.04, 0)],
        # g + v / 2 = (-4, 20) + (-2, 10): to (-3.4, -2);
        # then g = (-3.4, -40), v = (-5.4, -30), g + v / 2 = (-6.1, -55)
        "nesterov": [(-4, 1), (-3.4, -2), (-2.79, 3.5)],
    }.items(),
)
def test_two_steps_on_a_quadratic_worked_by_hand(name, ways):
    found = descend(RAVINE, [name], start=(-4, 1), learning_rate=0.1, momentum=0.5, num_steps=2)
    assert found[name].points == tuple(pytest.approx(point) for point in ways)
    assert found[name].heights == pytest.approx([x * x / 2 + 10 * y * y for x, y in ways])


@pytest.mark.parametrize("name", [n for n, entry in OPTIMIZERS.items() if entry.is_adaptive])
def test_the_first_step_does_not_depend_on_the_size_of_the_gradient(name):
    way = descend(RAVINE, [name], start=(-4, 1), adaptive_rate=0.1, num_steps=1)[name]
    length = 0.1 / (1 - 0.99) ** 0.5 if name == "rmsprop" else 0.1
    assert way.points[1] == pytest.approx((-4 + length, 1 - length), abs=1e-6)


def ours(name, surface):
    """Return the way by the few-line rules, with gradients by autograd."""
    weight = torch.tensor(surface.start, dtype=torch.float64)
    memory = [torch.zeros_like(weight)] * len(OPTIMIZERS[name].memory)
    settings = {"learning_rate": RATE / 10, "momentum": 0.9, "weight_decay": 0.0}
    points = [tuple(weight.tolist())]
    for step in range(1, NUM_STEPS + 1):
        leaf = weight.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(surface.height(leaf), leaf)
        weight, memory = apply_rule(name, weight, gradient, memory, step=step, **settings)
        points.append(tuple(weight.tolist()))
    return points


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda surface: surface.name)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_torch_walks_as_our_rules_do(name, surface):
    rates = {"learning_rate": RATE / 10, "adaptive_rate": RATE / 10}
    way = descend(surface, [name], num_steps=NUM_STEPS, **rates)[name]
    if not way.left:
        torch.testing.assert_close(torch.tensor(way.points), torch.tensor(ours(name, surface)))


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda surface: surface.name)
def test_the_stars_are_the_lowest_points_and_flat(surface):
    stars = torch.tensor(surface.lowest, dtype=torch.float64, requires_grad=True)
    heights = surface.height(stars)
    (slopes,) = torch.autograd.grad(heights.sum(), stars)
    assert heights.tolist() == pytest.approx([0] * len(stars))
    assert slopes.abs().max().item() == pytest.approx(0, abs=1e-12)
    around = surface.height(stars.detach() + 0.1 * torch.randn(50, 1, 2, dtype=torch.float64))
    assert around.min() > 0


def test_together_they_walk_as_each_alone():
    together = descend(RAVINE)
    assert all(descend(RAVINE, [name])[name] == together[name] for name in OPTIMIZERS)


def test_too_high_a_rate_flies_off_and_the_others_go_on():
    ways = descend(RAVINE, ["sgd", "adam"], learning_rate=0.5, num_steps=60)
    assert ways["sgd"].left
    assert len(ways["sgd"].points) < 10
    assert len(ways["adam"].points) == 61


def test_the_panel_walks_where_it_is_told():
    panel = paths_panel()
    before = panel.image.value
    panel.set(learning_rate=0.1, momentum=0.5, num_steps=2, start_x=-4, start_y=1, show_adam=False)
    assert panel.image.value != before
    assert "sgd ends 15 above" in panel.status.value  # 3.24^2 / 2 + 10
    assert "adam" not in panel.status.value
    panel.set(surface="Beale")
    assert panel.values()["start_x"] == 1.0
    panel.set(show_sgd=False, show_momentum=False)
    assert "Nobody walks." in panel.status.value
    panel.close()


def test_a_surface_brings_the_same_start_and_rates_wherever_one_comes_from():
    panel = paths_panel()
    for name in ("saddle", "Beale", "Rosenbrock", "saddle", "ravine"):
        panel.controls["surface"].value = name
        own, values = SURFACES[name], panel.values()
        assert (values["start_x"], values["start_y"]) == own.start
        rates = (values["learning_rate"], values["adaptive_rate"])
        assert rates == (own.learning_rate, own.adaptive_rate)
    panel.close()


def test_a_picture_of_another_surface_has_its_start_too():
    panel = paths_panel()
    before = panel.values(), panel.image.value
    alt = panel.picture(surface="Beale", num_steps=2).alt
    assert (panel.values(), panel.image.value) == before
    panel.set(surface="Beale")
    panel.set(num_steps=2)
    assert alt in panel.status.value
    panel.close()


def test_moves_that_come_in_another_thread_are_drawn_on_main_thread_and_once():
    drawn = []  # (thread, surface, start)

    async def main():
        panel = paths_panel()
        draw = panel._draw

        def tell(axes, **values):
            drawn.append((threading.get_ident(), values["surface"], values["start_x"]))
            return draw(axes, **values)

        panel._draw = tell
        rate = panel.controls["learning_rate"]

        def drag():
            for step in range(20):
                rate.value = 0.05 + step / 1000
            panel.controls["surface"].value = "saddle"

        hand = threading.Thread(target=drag)
        hand.start()
        hand.join()  # the loop has not had its turn yet
        while not (drawn and drawn[-1][1] == "saddle" and panel._drawn == panel.values()):
            await asyncio.sleep(0)
        panel.close()

    asyncio.run(main())
    assert {thread for thread, _, _ in drawn} == {threading.get_ident()}
    assert drawn[-1][1:] == ("saddle", SURFACES["saddle"].start[0])
    assert len(drawn) <= 2  # where it was when the loop came to it, and at last


def test_heights_beyond_the_picture_are_named_in_their_true_order_and_said():
    figure = Figure(layout="constrained")
    pair = figure.subplots(1, 2)
    heights = {"sgd": 1e-10, "momentum": 0.0, "adam": 1e-9, "rmsprop": 1e6}
    ways = {
        name: Descent(((0.0, 0.0), (1.0, 1.0)), (1.0, height), left=False)
        for name, height in heights.items()
    }
    draw_descents(pair, RAVINE, ways)
    figure.draw_without_rendering()  # labels find their place when they are drawn
    labels = sorted(pair[1].texts, key=lambda text: text.get_position()[1])
    names = [label.get_text().split(":")[0] for label in labels]
    assert names == ["momentum", "sgd", "adam", "rmsprop"]
    title = pair[1].get_title(loc="left") or pair[1].get_title()
    assert title == "above 10000: at the top; below 1e-08: at the bottom"


def resting(panel):
    """Return the names of the controls that are disabled."""
    return {name for name, control in panel.controls.items() if control.disabled}


@pytest.mark.parametrize(
    ("walkers", "rest"),
    [
        ({"sgd"}, {"momentum", "adaptive_rate"}),
        ({"rmsprop"}, {"momentum", "learning_rate"}),
        ({"nesterov"}, {"adaptive_rate"}),
        ({"adam"}, {"learning_rate"}),
        ({"sgd", "adam"}, set()),
        (
            set(),
            {"momentum", "learning_rate", "adaptive_rate", "num_steps", "start_x", "start_y"},
        ),
    ],
)
def test_what_none_of_the_walkers_heeds_rests_and_says_so(walkers, rest):
    panel = paths_panel()
    panel.set(**{f"show_{name}": name in walkers for name in OPTIMIZERS})
    assert resting(panel) == rest
    for name in rest & {"momentum", "learning_rate", "adaptive_rate"}:
        assert f"{panel.controls[name].name} is only for" in panel.children[0].children[-1].value
    panel.close()


def test_a_start_outside_the_surface_is_refused_and_nothing_moves():
    panel = paths_panel()
    panel.set(surface="Beale")
    before = panel.values()
    low, high = SURFACES["Beale"].xlim
    with pytest.raises(ValueError, match="start_x must be"):
        panel.set(num_steps=7, start_x=high + 1)
    panel.controls["start_x"].field.value = str(low - 1)
    assert "start, weight 1 must be a number from" in panel.controls["start_x"].refusal
    assert panel.values() == before
    panel.close()
