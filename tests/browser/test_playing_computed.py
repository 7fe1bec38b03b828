"""Panels that compute in a page: each formula against Python's, and each control by hand."""

import functools
import itertools
import json
import math
import os
import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import contourpy
import numpy as np
import pytest
import torch
from axe import load_axe, violations
from matplotlib.figure import Figure
from playwright.sync_api import Browser, Page, expect

from tutorial_lib.labs.losses.draw import rounded
from tutorial_lib.labs.losses.measure import losses_and_slopes, softmax_view
from tutorial_lib.labs.losses.panel import loss_panel, softmax_panel
from tutorial_lib.labs.parabola.draw import draw_descent
from tutorial_lib.labs.parabola.measure import (
    behaviour,
    descent_path,
    factor_per_step,
    highest_rate,
)
from tutorial_lib.labs.parabola.panel import descent_panel
from tutorial_lib.labs.paths.measure import SURFACES, descend, steps_in_numbers
from tutorial_lib.labs.paths.panel import paths_panel, step_panel
from tutorial_lib.optimizers import OPTIMIZERS, apply_rule
from tutorial_lib.pictures.theme import PALETTE
from tutorial_lib.playing.bundle import PANELS as NEEDED
from tutorial_lib.playing.bundle import script_text, style_text

pytestmark = pytest.mark.browser

PANELS = {  # of the page -> of the notebook
    "parabola": descent_panel,
    "losses": loss_panel,
    "softmax": softmax_panel,
    "one_step": step_panel,
    "paths": paths_panel,
}
DOUBLE, SINGLE = 1e-12, 1e-5  # the largest difference of formulas in float64 and in float32
NAN, INF = math.nan, math.inf
HOSTILE = (0.0, -0.0, 5e-324, -1e-310, 1e-30, 1e30, -1e200, 1e308, INF, -INF, NAN)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Panels</title>
<meta name="viewport" content="width=device-width">
<style>html[data-theme=dark] body {{ background: #111; color: #ddd }}
body {{ margin: 0 16px; font-family: sans-serif }} {style}</style></head>
<body><main><h1>Panels</h1>{panels}</main><script>{scripts}</script>
<script>playing.start(document);</script></body></html>"""
IS_ALIVE = (
    "() => [...document.querySelectorAll('.playing')].every(e => e.dataset.state === 'alive')"
)
THOROUGH = bool(os.environ.get("TUTORIAL_THOROUGH"))


def html_of(*panels: str, **options: Any) -> str:
    """Return a page with panels and what they need; without any, with all scripts."""
    said = json.dumps(options).replace("'", "&#39;")
    places = [f"<div class='playing' data-panel='{name}' data-options='{said}'></div>"
              for name in panels]  # fmt: skip
    needed = dict.fromkeys(script for name in panels or PANELS for script in NEEDED[name])
    scripts = script_text("core.js", *needed)
    return PAGE.format(style=style_text(), panels="".join(places), scripts=scripts)


@pytest.fixture(scope="module")
def computing(shared_page: Page) -> Page:
    """A page with the scripts and no panel."""
    shared_page.set_content(html_of())
    return shared_page


def answers(page: Page, expression: str, cases: Iterable[Any]) -> list[Any]:
    """Return what an expression of JavaScript makes of each case, which it calls `c`.

    An answer is what was thrown, as a text, where there was an error.
    """
    one = f"c => {{ try {{ return {expression} }} catch (error) {{ return `${{error}}` }} }}"
    told = "(_, at) => typeof at === 'number' && !Number.isFinite(at) ? `#${at}` : at"
    # As one text: Playwright takes its time over many numbers. NaN is one in both languages.
    text = page.evaluate(f"() => JSON.stringify({json.dumps(list(cases))}.map({one}), {told})")
    return json.loads(re.sub('"#(NaN|-?Infinity)"', r"\1", text))


class Differences:
    """The largest difference of each formula, relative to Python's number."""

    def __init__(self) -> None:
        self.largest: dict[str, float] = {}

    def take(self, formula: str, found: Any, wanted: Any, *, floor: float = 0.0) -> None:
        """Compare numbers, or lists of them; what is smaller than floor is compared with that."""
        ours, theirs = (np.asarray(one, dtype=float).ravel() for one in (found, wanted))
        assert ours.shape == theirs.shape, (formula, found, wanted)
        is_same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            far = np.abs(ours - theirs) / np.maximum(np.abs(theirs), floor)
        far = np.where(is_same, 0.0, np.where(np.isfinite(theirs) & np.isfinite(far), far, INF))
        self.largest[formula] = max(self.largest.get(formula, 0.0), float(far.max(initial=0.0)))

    def hold(self, most: float = DOUBLE) -> None:
        """Print all, and refuse those that are too large."""
        for formula, far in self.largest.items():
            print(f"{formula}: largest relative difference {far:.1e}, allowed {most:g}")
        assert self.largest
        assert {name: far for name, far in self.largest.items() if not far <= most} == {}


def same_texts(found: Iterable[str], wanted: Iterable[str], cases: Iterable[Any]) -> None:
    for ours, theirs, case in zip(found, wanted, cases, strict=True):
        assert ours == theirs, case


# --- numbers as texts


def numbers_of_all_sizes() -> list[float]:
    rng = np.random.default_rng(0)
    drawn = [number for (number,) in struct.iter_unpack("<d", rng.bytes(8 * 2000))]  # any bits
    sizes = (10.0 ** rng.uniform(-9, 9, 1500) * rng.choice([-1, 1], 1500)).tolist()
    ties = [sign * whole / 2**power for whole in range(1, 200, 2) for power in (1, 3, 5)
            for sign in (1, -1)]  # fmt: skip
    edges = [9.9999995, 999999.5, 0.00009999995, 1e-5, 123456.5, 1e6, 1e16, 1e21, 1e22, 2.5e25]
    return [*HOSTILE, *drawn, *sizes, *ties, *edges]


@pytest.mark.parametrize("digits", [2, 3, 4, 6])
def test_numbers_are_written_as_python_writes_them(computing: Page, digits: int) -> None:
    numbers = numbers_of_all_sizes()
    found = answers(computing, f"playing.words.general(c, {digits})", numbers)
    same_texts(found, [f"{number:.{digits}g}" for number in numbers], numbers)
    signed = answers(
        computing, f"playing.words.signed(playing.words.general(c, {digits}))", numbers
    )
    same_texts(signed, [f"{number:+.{digits}g}" for number in numbers], numbers)


@pytest.mark.parametrize("decimals", [3, 4])
def test_decimals_are_written_as_python_writes_them(computing: Page, decimals: int) -> None:
    numbers = numbers_of_all_sizes()
    found = answers(computing, f"playing.words.fixed(c, {decimals})", numbers)
    same_texts(found, [f"{number:.{decimals}f}" for number in numbers], numbers)


# --- the parabola


RATES = (1e-30, 0.0001, 0.01, 0.1, 0.3, 0.5, 1.0, 1.8, 1.999, 2.0, 2.1, 3.9, 10.0, 1e30)
CURVATURES = (1e-30, 0.1, 1.0, 4.0, 10.0, 1e10)
MOMENTUMS = (0.0, 1e-20, 0.05, 0.5, 0.81, 0.9, 0.99)
STARTS = (-1.5, -3.0, 0.0, 3.0, 1e200, 0.05, NAN)


def test_descent_on_a_parabola_is_that_of_python(computing: Page) -> None:
    cases = [
        {"learning_rate": rate, "curvature": curvature, "momentum": momentum}
        for rate, curvature, momentum in itertools.product(RATES, CURVATURES, MOMENTUMS)
    ]
    held = Differences()
    three = "[c.learning_rate, c.curvature, c.momentum]"
    factors = answers(computing, f"playing.parabola.factorPerStep(...{three})", cases)
    borders = answers(computing, "playing.parabola.highestRate(c.curvature, c.momentum)", cases)
    verdicts = answers(computing, f"playing.parabola.behaviour(...{three})", cases)
    held.take("parabola: factor per step", factors, [factor_per_step(**case) for case in cases])
    rates = [highest_rate(case["curvature"], case["momentum"]) for case in cases]
    held.take("parabola: highest rate", borders, rates)
    same_texts(verdicts, [behaviour(**case) for case in cases], cases)
    ways = [(start, 20) for start in STARTS] + [(-1.5, 1), (2.0, 100)]
    for start, num_steps in ways if THOROUGH else ways[::2]:
        more = {"start": start, "num_steps": num_steps}
        found = answers(computing, "playing.parabola.descend(c)", [case | more for case in cases])
        wanted = [descent_path(**case, **more) for case in cases]
        held.take("parabola: weights", found, wanted)
    held.hold()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("learning_rate", 0.0), ("learning_rate", NAN), ("curvature", -1.0), ("curvature", INF),
     ("momentum", 1.0), ("momentum", -0.1)],
)  # fmt: skip
def test_the_parabola_refuses_what_python_refuses(computing: Page, name: str, wrong: float) -> None:
    case = {"learning_rate": 0.1, "curvature": 1.0, "momentum": 0.0} | {name: wrong}
    with pytest.raises(ValueError, match=name):
        descent_path(**case)
    assert name in answers(computing, "playing.parabola.descend(c)", [case])[0]


def test_the_parabola_says_what_python_says(computing: Page) -> None:
    names = ("learning_rate", "curvature", "momentum", "start")
    tried = itertools.product((0.01, 0.1, 1.0, 1.8, 10.0), (0.1, 1.0, 3.5), (0.0, 0.9), (-1.5,))
    cases = [dict(zip(names, values, strict=True)) for values in tried]
    axes = Figure().subplots(3)
    wanted = []
    for case in cases:
        wanted.append(draw_descent(axes, **case))
        for one in axes:
            one.clear()
    same_texts(answers(computing, "playing.parabola.sentence(c)", cases), wanted, cases)


# --- losses


def test_losses_and_slopes_are_those_of_torch(computing: Page) -> None:
    errors = [*HOSTILE, *np.linspace(-3, 3, 121).tolist(), 0.05, -0.05, 1e-8, 1e5]
    held = Differences()
    for beta, delta in itertools.product((0.05, 0.7, 1.0, 3.0, 1e-20, 1e20), repeat=2):
        (found,) = answers(
            computing,
            "playing.losses.lossesAndSlopes(...c)",
            [[errors, {"beta": beta, "delta": delta}]],
        )
        for name, (losses, slopes) in losses_and_slopes(errors, beta=beta, delta=delta).items():
            held.take(f"{name}: loss", found[name][0], losses)
            held.take(f"{name}: slope", found[name][1], slopes)
    assert len(held.largest) == 8
    held.hold()


@pytest.mark.parametrize("wrong", ["beta", "delta"])
def test_thresholds_below_nothing_are_refused(computing: Page, wrong: str) -> None:
    (found,) = answers(computing, "playing.losses.lossesAndSlopes([1], c)", [{wrong: -1}])
    assert wrong in found


# --- softmax


def rows_of_logits() -> Iterator[tuple[list[float], int, float, float]]:
    """Yield logits, label, what is added, smoothing."""
    rng = np.random.default_rng(0)
    rows = [[0.0] * 10, [-10.0] * 3 + [10.0] + [-10.0] * 6, [10.0] + [-10.0] * 9]
    rows += [rng.uniform(-10, 10, size).round(1).tolist() for size in (2, 3, 10, 10, 10, 10, 25)]
    for row, added, smoothing in itertools.product(
        rows,
        (0.0, 1.0, 80.0, 89.0, 100.0, 150.0, -80.0, -95.0, -104.0, -150.0),
        (0.0, 0.01, 0.1, 0.5, 1.0),
    ):
        yield row, len(row) // 3, added, smoothing
    for strange in (1e30, -1e30, 1e308, 710.0, -745.0, 1e-320, INF, -INF, NAN):
        yield [0.0, strange, 1.0], 0, 0.0, 0.0
        yield [0.0, strange, 1.0], 1, 0.0, 0.1
        yield [strange] * 3, 2, 0.0, 0.1


EPSILON = {float: 2.0**-52, np.float32: 2.0**-23}  # of numbers about 1


def test_softmax_and_cross_entropy_are_those_of_torch(computing: Page) -> None:
    cases = list(rows_of_logits())
    code = "playing.softmax.view(c[0], c[1], {added: c[2], smoothing: c[3]})"
    double, single = Differences(), Differences()
    for found, (row, label, added, smoothing) in zip(
        answers(computing, code, cases), cases, strict=True
    ):
        view = softmax_view(row, label, added=added, smoothing=smoothing)
        for name in ("logits", "probabilities", "target", "least_loss", "blind_loss"):
            double.take(f"softmax: {name}", found[name], getattr(view, name))
        # Small differences of numbers about 1 cannot be exacter than the last digit of these.
        for name in ("loss", "slopes"):
            double.take(f"softmax: {name}", found[name], getattr(view, name), floor=1e-3)
        # The smallest number of float32 is 2^-149, and so is the step between its neighbours.
        single.take("softmax: plain powers", found["plain_powers"], view.plain_powers, floor=1e-39)
        single.take("softmax: plain loss", found["plain_loss"], view.plain_loss, floor=0.02)
    double.hold()
    single.hold(SINGLE)


def test_numbers_beside_the_bars_are_those_of_python(computing: Page) -> None:
    numbers = [*HOSTILE, 0.001, 0.00123, 0.00099951, 0.0005, -0.0004, 2.302585, 87.3365, 1234.5]
    wanted = [rounded(number + 0.0) for number in numbers]  # without a minus before nothing
    same_texts(answers(computing, "playing.softmax.rounded(c)", numbers), wanted, numbers)


# --- optimizers


def test_the_table_of_optimizers_is_that_of_python(computing: Page) -> None:
    (table,) = answers(computing, "Object.entries(playing.optimizers.table)", [0])
    assert [name for name, _ in table] == list(OPTIMIZERS)
    for name, ours in table:
        theirs = OPTIMIZERS[name]
        assert ours["memory"] == theirs.memory
        assert ours.get("momentum", "") == theirs.momentum
        assert ours.get("is_adaptive", False) == theirs.is_adaptive
        assert ours["role"] == 1 + list(PALETTE).index(theirs.colour)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rules_of_optimizers_are_those_of_python(computing: Page, name: str) -> None:
    rng = np.random.default_rng(0)
    symbols = OPTIMIZERS[name].memory
    cases = []
    for number in range(400):
        weight, gradient = rng.normal(size=2).tolist()
        gradient = HOSTILE[number % len(HOSTILE)] if number % 4 == 0 else gradient
        memory = rng.uniform(0, 2, len(symbols)).tolist() if number % 3 else [0.0] * len(symbols)
        settings = {
            "learning_rate": float(10 ** rng.uniform(-4, 0)),
            "momentum": float(rng.choice([0.0, 0.5, 0.8, 0.9, 0.99])),
            "weight_decay": float(rng.choice([0.0, 0.01, 0.1])),
            "step": int(rng.integers(1, 101)),
        }
        cases.append((weight, gradient, memory, settings))
    held = Differences()
    found = answers(computing, f"playing.optimizers.apply('{name}', ...c)", cases)
    for (ours, ours_kept), (weight, gradient, memory, settings) in zip(found, cases, strict=True):
        given = [torch.tensor(one, dtype=torch.float64) for one in (weight, gradient, *memory)]
        theirs, kept = apply_rule(name, given[0], given[1], given[2:], **settings)
        held.take(f"{name}: weight", ours, theirs.item(), floor=1e-3)
        held.take(f"{name}: moved", ours - weight, theirs.item() - weight, floor=1e-3)
        held.take(f"{name}: memory", ours_kept, [one.item() for one in kept])
    held.hold()


def test_steps_in_numbers_are_those_of_python_and_of_torch(computing: Page) -> None:
    rng = np.random.default_rng(1)
    gradients = [[0.5] * 4, [1.0] * 5 + [-1.0], [0.0] * 3, [0.0, 1.0], [1e-30] * 3, [1e30, -1e30],
                 [1e160, 1.0], [INF, 1.0], [NAN, 1.0], rng.normal(size=21).tolist()]  # fmt: skip
    held = Differences()
    settled = itertools.product((0.0001, 0.1, 1.0), (0.0, 0.9, 0.99))
    settled = list(settled) if THOROUGH else [(0.1, 0.9), (1.0, 0.0), (0.0001, 0.99)]
    for row, (rate, momentum) in itertools.product(gradients, settled):
        settings = {"learning_rate": rate, "momentum": momentum}
        (found,) = answers(computing, "playing.one_step.stepsInNumbers(...c)", [[row, settings]])
        wanted = steps_in_numbers(row, **settings)
        assert list(found) == list(wanted)
        for name, steps in wanted.items():
            for ours, theirs in zip(found[name], steps, strict=True):
                assert (ours["optimizer"], ours["step"]) == (theirs.optimizer, theirs.step)
                pairs = [(one, two) for one, two in theirs.memory]
                assert [symbol for symbol, _ in ours["memory"]] == [symbol for symbol, _ in pairs]
                memory = [value for _, value in ours["memory"]]
                held.take("one step: memory", memory, [value for _, value in pairs])
                size = abs(theirs.weight) if math.isfinite(theirs.weight) else 1.0
                held.take("one step: weight", ours["weight"], theirs.weight, floor=1.0)
                held.take("one step: moved", ours["moved"], theirs.moved, floor=size)
                if np.isfinite(
                    row
                ).all():  # else torch, which leaves out what is times 0, says more
                    moved = theirs.torch_moved
                    held.take("one step: moved, torch", ours["moved"], moved, floor=size)
    held.hold()


# --- surfaces and ways


def places_on(name: str) -> list[list[float]]:
    surface, rng = SURFACES[name], np.random.default_rng(0)
    inside = rng.uniform(*zip(surface.xlim, surface.ylim, strict=True), (300, 2)).tolist()
    far = rng.uniform(-2000, 2000, (50, 2)).tolist()
    hostile = [list(pair) for pair in itertools.product((*HOSTILE, 1.0), repeat=2)]
    return [*inside, *far, *hostile, list(surface.start), *map(list, surface.lowest)]


@pytest.mark.parametrize("name", SURFACES)
def test_heights_and_slopes_of_surfaces_are_those_of_torch(computing: Page, name: str) -> None:
    places = places_on(name)
    points = torch.tensor(places, dtype=torch.float64, requires_grad=True)
    heights = SURFACES[name].height(points)
    (slopes,) = torch.autograd.grad(heights.sum(), points)
    held = Differences()
    found = answers(computing, f"playing.paths.surfaces['{name}'].height(c)", places)
    finite = torch.isfinite(heights)
    held.take(f"{name}: height", found, heights.tolist(), floor=1e-3)
    found = answers(computing, f"playing.paths.surfaces['{name}'].gradient(c)", places)
    # Where the height is no number, 0 times infinity is met on another way; no path goes on there.
    ours, theirs = np.array(found)[finite], slopes[finite].numpy()
    held.take(f"{name}: slope", ours, theirs, floor=1e-2)
    held.hold()


def test_surfaces_bring_what_they_bring_in_python(computing: Page) -> None:
    (found,) = answers(computing, "Object.entries(playing.paths.surfaces)", [0])
    assert [name for name, _ in found] == list(SURFACES)
    for name, ours in found:
        for part in ("xlim", "ylim", "start", "learning_rate", "adaptive_rate"):
            wanted = getattr(SURFACES[name], part)
            assert ours[part] == (list(wanted) if isinstance(wanted, tuple) else wanted), part
        assert ours["lowest"] == [list(place) for place in SURFACES[name].lowest]


@pytest.mark.parametrize("name", SURFACES)
def test_contour_lines_have_the_heights_that_python_draws(computing: Page, name: str) -> None:
    surface = SURFACES[name]
    found = answers(computing, "playing.paths.heightsOn(c, 201)", [name])[0]
    x, y = torch.linspace(*surface.xlim, 201), torch.linspace(*surface.ylim, 201)
    heights = surface.height(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))  # float32
    held = Differences()
    # In float32 a small height is a difference of larger numbers.
    held.take(f"{name}: map", found, heights.tolist(), floor=float(heights.max()) / 100)
    top = math.log10(float(heights.max()))
    levels = answers(computing, "playing.paths.levelsOf(playing.paths.heightsOn(c, 201))", [name])[
        0
    ]
    held.take(f"{name}: levels", levels, np.logspace(top - 4, top - 0.1, 15))
    held.hold(SINGLE)


@pytest.mark.parametrize("name", SURFACES)
def test_contour_lines_go_where_those_of_matplotlib_go(computing: Page, name: str) -> None:
    surface, side = SURFACES[name], 121
    x, y = (np.linspace(*ends, side) for ends in (surface.xlim, surface.ylim))
    heights = surface.height(torch.tensor(np.stack(np.meshgrid(x, y), axis=-1))).numpy()
    top = math.log10(heights.max())
    traced = contourpy.contour_generator(x, y, heights)
    wanted = np.concatenate([line for level in np.logspace(top - 4, top - 0.1, 15)
                             for line in traced.lines(level)])  # fmt: skip
    found = np.array(answers(computing, "playing.paths.contoursOf(c)", [name])[0]).reshape(-1, 2)
    places = [{*map(tuple, (points.round(6) + 0.0).tolist())} for points in (found, wanted)]
    assert len(places[1]) > 500
    assert places[0] == places[1]


def settings_of_ways() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, surface in SURFACES.items():
        tried = [(0.8, 1.0), (0.8, 30.0), (0.0, 1.0), (0.99, 0.1)]
        tried += itertools.product((0.0, 0.8, 0.99), (0.1, 1.0, 3.0, 30.0)) if THOROUGH else []
        for momentum, factor in tried:
            rates = {
                "learning_rate": min(1.0, factor * surface.learning_rate),
                "adaptive_rate": min(1.0, factor * surface.adaptive_rate),
            }
            yield name, rates | {"momentum": momentum, "num_steps": 40}
        yield name, {"start": list(surface.lowest[0]), "num_steps": 10}
        yield name, {"start": [0.0, 0.0], "num_steps": 10}
        yield name, {"start": [surface.xlim[0], surface.ylim[1]], "num_steps": 60}
        yield name, {"learning_rate": 1e30, "adaptive_rate": 1e30, "num_steps": 20}  # flies off
        yield name, {"num_steps": 0}


def test_ways_down_surfaces_are_those_of_torch(computing: Page) -> None:
    ways = Differences()
    for name, settings in settings_of_ways():
        wanted = descend(SURFACES[name], **settings)
        case = [name, list(OPTIMIZERS), settings]
        (found,) = answers(computing, "playing.paths.descend(...c)", [case])
        assert list(found) == list(wanted)
        for optimizer, way in wanted.items():
            ours = found[optimizer]
            assert ours["left"] == way.left, (name, optimizer, settings)
            assert len(ours["points"]) == len(way.points)
            shown = max(map(abs, (*SURFACES[name].xlim, *SURFACES[name].ylim)))
            ways.take(f"{optimizer}: ways", ours["points"], way.points, floor=shown)
            ways.take(f"{optimizer}: heights", ours["heights"], way.heights, floor=1.0)
    # Steps that nearly diverge double what lies in the last digits.
    ways.hold(1e-9 if THOROUGH else DOUBLE)


def test_ways_are_told_in_the_words_of_python(computing: Page) -> None:
    panel = of_notebook("paths")[0]
    shown = {f"show_{name}": True for name in OPTIMIZERS}
    flies = {"surface": "ravine", "learning_rate": 0.2}
    for values in ({}, {"surface": "saddle"} | shown, flies, dict.fromkeys(shown, False)):
        panel.set(**values)
        now = panel.values()
        walking = [name for name in OPTIMIZERS if now[f"show_{name}"]]
        settings = now | {"start": [now["start_x"], now["start_y"]]}
        code = "playing.paths.sentence(playing.paths.descend(...c))"
        assert answers(computing, code, [[now["surface"], walking, settings]]) == [words_of(panel)]


def words_of(panel: Any) -> str:
    """Return the sentence of a panel of the notebook."""
    return re.sub("<[^>]*>", "", panel.status.value).strip()


# --- the panels, by hand


@pytest.fixture(scope="module")
def pages(browser: Browser) -> Iterator[dict[Any, Page]]:
    """Pages by width, ground and dots a pixel: to open one takes longer than to fill it anew."""
    pages: dict[Any, Page] = {}
    yield pages
    for page in pages.values():
        page.close()


@pytest.fixture
def opened(browser: Browser, pages: dict[Any, Page]) -> Iterator[Any]:
    """Open a page with panels, of any width, on light ground or dark, with any dots a pixel."""
    troubles = []

    def open_page(
        *panels: str, width: int = 1366, dark: bool = False, dots: int = 1, **options: Any
    ) -> Page:
        key = width, dark, dots
        if key not in pages:
            pages[key] = browser.new_page(
                viewport={"width": width, "height": 768},
                device_scale_factor=dots,
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",
            )
        page = pages[key]
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.set_content(html_of(*panels, **options))
        if dark:
            page.evaluate("() => { document.documentElement.dataset.theme = 'dark' }")
        page.evaluate("() => document.querySelectorAll('.playing').forEach(playing.build)")
        page.wait_for_function(IS_ALIVE)
        drawn(page)
        return page

    yield open_page
    assert troubles == []


@functools.cache
def of_notebook(name: str) -> tuple[Any, dict[str, Any], str]:
    """Return a panel of the notebook, the values with which it began, and its words then."""
    panel = PANELS[name]()
    return panel, panel.values(), words_of(panel)


def drawn(page: Page) -> None:
    """Wait until what has changed is on the page."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def sentence_of(page: Page) -> str:
    return page.locator(".playing-status").inner_text()


SHOWN = """() => [...document.querySelectorAll(".playing-control")].map(control => {
    const input = control.querySelector("input, select");
    const value = input.type === "checkbox" ? input.checked
        : input.type === "range" ? Number(input.getAttribute("aria-valuetext"))
        : input.selectedOptions[0].text;
    return [control.dataset.name, value];
})"""
CONTROLS = """() => [...document.querySelectorAll(".playing-control")].map(control => {
    const input = control.querySelector("input, select");
    return [input.labels[0].innerText, input.title, input.type, control.offsetHeight,
        input.getAttribute("aria-valuetext"), control.querySelector("output")?.innerText];
})"""


def shown_values(page: Page) -> dict[str, Any]:
    """Return what each control shows, by its name in Python."""
    values = page.evaluate(SHOWN)
    return {name: int(value) if name in ("label", "num_steps", "num_earlier") else value
            for name, value in values}  # fmt: skip


def name_of(control: Any) -> str:
    return getattr(control, "name", None) or control.description


@pytest.mark.parametrize("name", PANELS)
def test_controls_are_those_of_the_notebook(opened: Any, name: str) -> None:
    page, (panel, values, words_then) = opened(name), of_notebook(name)
    parts = page.evaluate(CONTROLS)
    assert [part[0] for part in parts] == [name_of(one) for one in panel.controls.values()]
    assert shown_values(page) == pytest.approx(values)
    for _, words, kind, height, spoken, seen in parts:
        assert words.endswith(".")
        assert height >= 24
        assert kind != "range" or (spoken == seen and spoken)
    assert sentence_of(page) == words_then
    note = page.locator(".playing > .playing-note").inner_text()
    assert note.startswith("Computed in this page")


@pytest.mark.parametrize("name", PANELS)
def test_keys_move_each_control_and_python_says_the_same(opened: Any, name: str) -> None:
    page, panel = opened(name), of_notebook(name)[0]
    before = shown_values(page)
    if name == "one_step":  # so that those before are heeded
        page.locator("[data-name=num_earlier] input").press("ArrowRight")
    for number, control in enumerate(page.locator(".playing-control").all()):
        part = control.locator("input, select")
        kind = part.get_attribute("type") or "select"
        part.focus()
        rights = ["ArrowRight"] * (2 + number % 5)
        for key in {"range": rights, "checkbox": [" "]}.get(kind, ["ArrowDown"]):
            page.keyboard.press(key)
    after = shown_values(page)
    assert [name for name in before if before[name] == after[name]] == []
    if "surface" in after:  # which brings its own
        panel.set(surface=after["surface"])
    panel.set(**after)
    assert sentence_of(page) == words_of(panel)


@pytest.mark.parametrize("name", PANELS)
def test_a_mouse_moves_each_slider(opened: Any, name: str) -> None:
    page = opened(name)
    for control in page.locator(".playing-slider").all():
        slider, seen = control.locator("input"), control.locator("output")
        if slider.is_disabled():
            continue
        before, said = seen.inner_text(), all_words(page)
        box = slider.bounding_box()
        slider.click(position={"x": 0.1 * box["width"], "y": box["height"] / 2})
        expect(seen).not_to_have_text(before)
        assert all_words(page) != said


def all_words(page: Page) -> list[str]:
    """Return the sentence, what the table says, and what the pictures say."""
    return [sentence_of(page), *page.locator("td, caption").all_inner_texts(), *pictures_of(page)]


SCREENS = [(1366, False), (360, True)]  # pixels wide, and whether it is dark
if THOROUGH:
    SCREENS = list(itertools.product((1366, 1000, 760, 560, 360), (False, True)))


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_whoever_listens_or_sees_little_gets_all(opened: Any, width: int, dark: bool) -> None:
    page = opened(*PANELS, width=width, dark=dark, dots=2)
    load_axe(page)
    assert violations(page, "main") == []
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width
    assert page.evaluate(POOR_TEXTS) == []
    assert page.evaluate(TOUCHING) == []
    assert page.evaluate("() => document.getAnimations().length") == 0


EXTREMES = {
    "parabola": {"learning_rate": 10, "curvature": 10, "momentum": 0.95, "start": 3},
    "losses": {"error": -3, "beta": 3, "delta": 0.05},
    "softmax": {"logit_3": -10, "logit_8": 10, "added": 100, "smoothing": 0.5},
    "paths": {"surface": "Rosenbrock", "learning_rate": 0.02, "num_steps": 100}
    | {f"show_{name}": True for name in OPTIMIZERS},
}


@pytest.mark.parametrize("num_classes", [2, 25])
def test_softmax_takes_another_number_of_classes(opened: Any, num_classes: int) -> None:
    page, panel = opened("softmax", width=360, num_classes=num_classes), softmax_panel(num_classes)
    assert shown_values(page) == pytest.approx(panel.values())
    assert sentence_of(page) == words_of(panel)
    assert page.evaluate(TOUCHING) == []


@pytest.mark.parametrize("width", [760, 360])
@pytest.mark.parametrize("name", EXTREMES)
def test_no_text_lies_on_another_at_the_extremes(opened: Any, name: str, width: int) -> None:
    page = opened(name, width=width, **EXTREMES[name])
    assert page.evaluate(TOUCHING) == []
    assert page.evaluate(POOR_TEXTS) == []
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width


POOR_TEXTS = """() => {
    const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    return [...document.querySelectorAll(".playing svg text")].map(text => {
        const ground = light(getComputedStyle(text.closest(".playing")).backgroundColor);
        const ink = light(getComputedStyle(text).fill);
        const [low, high] = [ink, ground].sort((one, other) => one - other);
        return [text.textContent, (high + 0.05) / (low + 0.05)];
    }).filter(([, contrast]) => contrast < 4.5);
}"""  # texts that stand out too little from their ground
TOUCHING = """() => [...document.querySelectorAll("svg.playing-chart")].flatMap(chart => {
    const frame = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll("text")].filter(text => text.textContent)
        .map(text => [text.textContent, text.getBoundingClientRect()]);
    const out = texts.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1)
        .map(([text]) => text + " is cut");
    texts.forEach(([text, box], place) => texts.slice(place + 1).forEach(([other, second]) => {
        const wide = Math.min(box.right, second.right) - Math.max(box.left, second.left);
        const high = Math.min(box.bottom, second.bottom) - Math.max(box.top, second.top);
        if (wide > 0 && high > 3) out.push(text + " touches " + other);
    }));
    return out;
})"""  # texts of a chart that lie on each other, or are cut


def pictures_of(page: Page) -> list[str]:
    drawn(page)
    return [one.get_attribute("aria-label") for one in page.locator("svg[role=img]").all()]


def test_alternative_texts_are_made_of_the_numbers(opened: Any) -> None:
    page = opened("parabola", learning_rate=1.8, curvature=0.5, momentum=0.5, start=2.0)
    ball, steps, scale = pictures_of(page)
    path = descent_path(learning_rate=1.8, curvature=0.5, momentum=0.5, start=2.0)
    assert f"its weight is {path[-1]:.3g}" in ball
    assert ", ".join(f"{weight:.3g}" for weight in path[:4]) in steps
    assert f"{highest_rate(0.5, 0.5):.3g}" in scale
    page = opened("losses", error=-1.35)
    for part, words in enumerate(pictures_of(page)):
        at = losses_and_slopes([-1.35], beta=1.0, delta=2.0)
        assert all(f"{name} {both[part][0]:.3g}" in words for name, both in at.items())
    page = opened("softmax", logit_3=4, logit_8=-2.5, smoothing=0.1)
    view = softmax_view([0, 0, 0, 4, 0, 0, 0, 0, -2.5, 0], 3, smoothing=0.1)
    logits, probabilities, loss = pictures_of(page)
    assert "3: 4, 4: 0" in logits
    assert "8: -2.5" in logits
    assert all(f"{at}: {value:.3f}" in probabilities for at, value in enumerate(view.probabilities))
    for value in (view.loss, view.blind_loss, view.least_loss):
        assert rounded(value) in loss
    page = opened("paths", surface="saddle")
    before = pictures_of(page)
    page.locator("[data-name=num_steps] input").press("End")
    after = pictures_of(page)
    assert before[0] != after[0]
    assert "in 40 steps" in before[0]
    assert "in 100 steps" in after[0]
    way = descend(SURFACES["saddle"], ["sgd"], momentum=0.8, num_steps=100)["sgd"]
    assert "lowest at (0, -1) and (0, 1)" in after[0]
    assert f"sgd begins at {way.heights[0]:.2g}, ends at {way.heights[-1]:.2g}" in after[1]


def test_the_table_of_one_step_says_what_each_makes_of_it(opened: Any) -> None:
    page = opened("one_step", gradient=-1, earlier=1, num_earlier=5)
    rows = page.locator("tbody tr").all()
    found = [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows]
    wanted = []
    for name, steps in steps_in_numbers([1.0] * 5 + [-1.0]).items():
        step = steps[-1]
        memory = ", ".join(f"{symbol} = {value:.4g}" for symbol, value in step.memory) or "none"
        wanted.append(
            [name, f"{step.weight:.4f}", f"{step.gradient:g}", memory, f"{step.moved:+.4f}"]
        )
    assert [[text.replace("\u00a0", " ") for text in row] for row in found] == wanted


@pytest.mark.parametrize("values", [{}, {"gradient": -1.35, "earlier": -1.55, "num_earlier": 20,
                                         "learning_rate": 1, "momentum": 0.99}])  # fmt: skip
def test_the_table_has_room_on_a_narrow_page(opened: Any, values: dict[str, float]) -> None:
    table = opened("one_step", width=360, **values).locator(".playing-table")
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")


def heeded(page: Page) -> dict[str, bool]:
    return {one.get_attribute("data-name"): one.locator("input, select").is_enabled()
            for one in page.locator(".playing-control").all()}  # fmt: skip


@pytest.mark.parametrize(
    "walkers", [("sgd",), ("adagrad", "rmsprop"), ("nesterov",), ("adamw",), ()]
)
def test_what_no_walker_heeds_rests_and_says_why(opened: Any, walkers: tuple[str, ...]) -> None:
    shown = {f"show_{name}": name in walkers for name in OPTIMIZERS}
    page, panel = opened("paths", **shown), of_notebook("paths")[0]
    panel.set(surface="ravine")
    panel.set(momentum=0.8, num_steps=40)
    panel.set(**shown)
    assert heeded(page) == {name: not one.disabled for name, one in panel.controls.items()}
    notes = [getattr(one, "note", "") for one in panel.controls.values()]
    why = page.locator(".playing-controls .playing-note").inner_text()
    assert why == " ".join(filter(None, notes))
    assert sentence_of(page) == words_of(panel)


def test_a_surface_brings_its_own_start_and_rates(opened: Any) -> None:
    page = opened("paths")
    for name in ("saddle", "Rosenbrock", "saddle", "Beale", "ravine"):
        page.locator("select").select_option(label=name)
        now, surface = shown_values(page), SURFACES[name]
        assert (now["start_x"], now["start_y"]) == surface.start
        assert now["learning_rate"] == surface.learning_rate
        assert now["adaptive_rate"] == surface.adaptive_rate
        ends = page.locator("[data-name=start_x] input")
        ends.press("Home")
        assert shown_values(page)["start_x"] == surface.xlim[0]
        ends.press("End")
        assert shown_values(page)["start_x"] == surface.xlim[1]


def test_a_setting_between_two_stops_stays_as_it_is(opened: Any) -> None:
    page = opened("parabola", learning_rate=1.2345, start=-1.234)
    assert shown_values(page)["learning_rate"] == 1.2345
    assert shown_values(page)["start"] == -1.234


def test_two_panels_of_a_kind_do_not_share_their_pictures(opened: Any) -> None:
    page = opened("paths", "paths")
    for chart in page.locator("svg.playing-chart[aria-label^=ravine]").all():
        assert len(chart.locator("[data-name=contours] path").get_attribute("d")) > 1000
