"""A run as one file: a page that opens anywhere, fetches nothing, and runs nothing of a name."""

import base64
import hashlib
import io
import json
import math
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tutorial_lib.config import SHORT_NAMES, Hyperparameters, labels_by_difference
from tutorial_lib.data import DOWNLOADED, Data, Split
from tutorial_lib.data.digits import FULL_SET_MISSING
from tutorial_lib.data.table_file import rows_as_read
from tutorial_lib.engine import Diverged, EvaluationRecord, TrainingRun, script_of
from tutorial_lib.engine.drive import score_of
from tutorial_lib.engine.state import name_of
from tutorial_lib.evaluation import ShownMetric, hardest_mistakes, predict, shown_metric
from tutorial_lib.files import checked_place, replacing
from tutorial_lib.hardware import processor
from tutorial_lib.pictures.curve import CurveSeries, LiveCurve
from tutorial_lib.pictures.curve_words import curve_in_words
from tutorial_lib.pictures.screen import Screen
from tutorial_lib.pictures.smoothing import loss_ceiling
from tutorial_lib.playing.bundle import FOLDER, HARMFUL, script_text, style_text
from tutorial_lib.table import loss_text, share_text, shortened

START = b"<!DOCTYPE html><!-- a run, by tutorial_lib -->\n"  # of every page that is written here
MOST_BYTES = 1_000_000
MOST_POINTS = 3000  # of the curve; of a longer one the lowest and highest of each stretch stay
MOST_MARKS = 1000  # of changes and of scores, on the curve
MOST_LINES = 40  # of changes
MOST_ROWS = 200  # of scores
MOST_WRONG = 12
MOST_COLUMNS = 6  # of a row of numbers
MOST_TARGETS = 3
MOST_LETTERS = 120  # of a name
THUMBNAIL = 96  # pixels, the longer side
SMALL = 64  # pixels that a smaller one is enlarged to
SCREENS = (  # the first is printed, too
    (Screen(width=900, dots=1.5), ""),
    (Screen(width=330, dots=2, dark=True), "(max-width: 700px) and (prefers-color-scheme: dark)"),
    (Screen(width=330, dots=2), "(max-width: 700px)"),
    (Screen(width=900, dots=1.5, dark=True), "(prefers-color-scheme: dark)"),
)
NO_NUMBERS = "Its answers are no numbers: there is nothing to be compared."
IN_WORDS = {"learning_rate": "learning rate", "batch_size": "batch size"}
IN_WORDS |= {"momentum": "momentum", "weight_decay": "weight decay"}


@dataclass(frozen=True)
class _Source:
    """A picture within the page."""

    address: str  # the picture itself, as a data: address
    width: int  # pixels of the page
    height: int
    media: str = ""  # for which screens
    is_small: bool = False  # whether its pixels are to be seen
    lines: tuple[str, ...] = ()  # what stands beside it


@dataclass
class _Wrong:
    """What a network got wrong, as a section of the page."""

    title: str
    words: str
    pictures: Sequence[_Source] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass
class _Scores:
    """How a run did after each epoch, as a table."""

    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=list)


def check_share(path: Path, *, beside: Iterable[Path] = ()) -> Path:
    """Refuse a path where no page of a run can be written; nothing is changed.

    Args:
        beside: Files that are written, too, or read.

    Returns:
        The file that is meant: a user's folder for ~, what a link points to for a link.

    Raises:
        ValueError: It says why.
    """
    try:
        return checked_place(path, suffix=".html", is_ours=_is_ours, beside=beside)
    except ValueError as error:
        raise ValueError(f"the run cannot be shared as {path}: {error}") from error


def _is_ours(content: bytes) -> bool:
    return content.startswith(START)


def write_run_page(
    path: Path,
    run: TrainingRun,
    *,
    new_model: Callable[[], nn.Module],
    error: BaseException | None = None,
    remark: str = "",
) -> Path:
    """Write a run as one HTML file of at most a megabyte, in the place of none or of another one.

    Args:
        run: At rest, with a step or more. It is scored on `data.held_out`.
        new_model: Makes a network as the run's was before its first step, for the script.
        error: What the run ended by, if by one.
        remark: A sentence more about how good the network is.

    Returns:
        The file that is meant: a user's folder for ~, what a link points to for a link.

    Raises:
        ValueError: The path is no place for it, or the run has taken no step.
        OSError: It cannot be written.
    """
    there = check_share(path)
    text = page_of(run, new_model=new_model, error=error, remark=remark)
    with replacing(there, start=START) as file:
        file.write(text.encode(errors="replace"))
    return there


def page_of(
    run: TrainingRun,
    *,
    new_model: Callable[[], nn.Module],
    error: BaseException | None = None,
    remark: str = "",
) -> str:
    """Return a run as a page of HTML; arguments as of `write_run_page`.

    Raises:
        ValueError: The run has taken no step.
    """
    if not run.history:
        raise ValueError("the run must have taken a step to be shared; it has taken none")
    data, shown = run.data, shown_metric(run.data, run.metric)
    score, why_not = _score_now(run)
    drawn = _drawn(run, shown, score, diverged=isinstance(error, Diverged))
    series = drawn.runs[-1]
    script, script_words = _script(run, new_model)
    style = style_text() + (FOLDER / "run_page.css").read_text(encoding="utf-8")
    code = f"{script_text('core.js', 'run_page.js')}\nplaying.runPage.open();\n"
    policy = (
        f"default-src 'none'; script-src '{_digest(code)}'; style-src '{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    text = _template().render(
        title=f"{_plain(type(_bare(run.model)).__name__, 60)} on {_plain(data.name, 60)}",
        policy=policy,
        style=style,
        ending=_ending(run, error),
        result=" ".join(filter(None, (_result(data, shown, score, why_not), _plain(remark, 300)))),
        pictures=_pictures(drawn),
        in_words=_plain(curve_in_words(drawn.runs, shown), 2000),
        changes=_changes(run),
        scores=_scores(run, shown),
        wrong=_wrong(run),
        facts=_facts(run),
        script=script,
        script_words=script_words,
        date=datetime.now(UTC).strftime("%Y-%m-%d, %H:%M UTC"),
        data=_as_json(_for_the_panel(run, series, shown)),
        code=code,
    )
    size = len(text.encode(errors="replace"))
    assert size <= MOST_BYTES, f"the page is to have at most {MOST_BYTES:,} bytes; it has {size:,}"
    return text


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _as_json(value: Any) -> str:
    """Return JSON that ends no script, in ASCII."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.translate(str.maketrans(HARMFUL))


@cache
def _template() -> Any:
    import jinja2  # not always needed

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    ).get_template("run_page.html")


def _plain(text: object, most: int = MOST_LETTERS) -> str:
    """Return a text of at most so many letters on one line, without what has no form."""
    seen = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return shortened(" ".join(seen.split()), most)


def _bare(model: nn.Module) -> nn.Module:
    """Return a network without what lets several processes train it."""
    return getattr(model, "module", model) if type(model).__name__.startswith("Distrib") else model


# ---- what it says ----


def _ending(run: TrainingRun, error: BaseException | None) -> str:
    steps, seconds = run.step_number, sum(record.seconds for record in run.history)
    epochs = run.history[-1].epochs
    took = f"{seconds:,.1f}" if seconds >= 1 else f"{seconds:.2g}"
    took += " s of computing"
    if isinstance(error, Diverged):
        return f"It diverged after {steps:,} steps, {took}: {_plain(error, 400)}"
    if error is not None:
        what = _plain(f"{type(error).__name__}: {error}", 400)
        return f"It failed after {steps:,} of {run.num_steps:,} steps, {took}. {what}"
    if steps == run.num_steps:
        return f"All {steps:,} steps were taken, {epochs} epoch{'s' * (epochs > 1)}, in {took}."
    return f"{steps:,} of {run.num_steps:,} planned steps were taken, in {took}."


def _score_now(run: TrainingRun) -> tuple[EvaluationRecord | None, str]:
    """Return how the run does after its last step, and why that could not be told, if so."""
    split = run.data.held_out
    if split is None:
        return None, ""
    if run.scores and run.scores[-1].step == run.step_number:
        return run.scores[-1], ""
    try:
        return score_of(run, split), ""
    except Exception as error:  # whatever a learner's network, loss or metric does
        return None, _plain(f"{type(error).__name__}: {error}", 300)


def _kind(data: Data) -> str:
    return "validation" if data.validation is not None else "test"


def _result(data: Data, shown: ShownMetric, score: EvaluationRecord | None, why_not: str) -> str:
    noun, loss = _plain(data.noun, 40), "its mean loss is no number"
    if score is not None and math.isfinite(score.loss):
        loss = f"mean loss {loss_text(score.loss)}"
    if data.held_out is None:
        return f"No {noun} are held out to score it on."
    if score is None:
        return f"It could not be scored on the {_kind(data)} {noun}: {why_not}"
    count, value = len(data.held_out), shown.of(score)
    if value is None or not math.isfinite(value):
        return f"{loss[:1].upper()}{loss[1:]} on {count:,} {_kind(data)} {noun}."
    if shown.is_share:
        right = share_text(value, count)
        return f"{right} {_kind(data)} {noun} right, {loss}."
    name = _plain(shown.name, 60)
    r2 = score.r2
    more = f", R squared {r2:.2f}" if r2 is not None and math.isfinite(r2) else ""
    words = f"{name[:1].upper()}{name[1:]} {_number(value)} on {count:,} {_kind(data)} {noun}"
    return f"{words}{more}, {loss}."


def _number(value: float | None) -> str:
    if value is None:
        return "\N{EN DASH}"
    return loss_text(value) if math.isfinite(value) else "no number"


def _changes(run: TrainingRun) -> list[str]:
    lines = [
        f"From step {change.step:,} on: {IN_WORDS[change.field]} {change.before:g} "
        f"\N{RIGHTWARDS ARROW} {change.after:g}"
        for change in run.changes
    ]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES:,} more"]
    rates = [record.learning_rate for record in run.history]
    marked = sum(change.field == "learning_rate" for change in run.changes)
    if sum(one != other for one, other in pairwise(rates)) > marked:  # a plan leaves no mark
        lines.append(f"The learning rate followed a plan: from {min(rates):g} to {max(rates):g}")
    return lines


def _scores(run: TrainingRun, shown: ShownMetric) -> _Scores:
    if not run.scores:
        return _Scores()
    rows = []
    for score in run.scores:
        value = shown.of(score)
        if value is not None and shown.is_share and math.isfinite(value):
            told = (
                share_text(value, len(run.data.held_out)) if run.data.held_out else f"{value:.1%}"
            )
        else:
            told = _number(value)
        rows.append([str(score.epoch + 1), f"{score.step:,}", _number(score.loss), told])
    step = -(-len(rows) // MOST_ROWS)
    rows = rows[::-step][::-1]  # the last one stays
    return _Scores(["Epoch", "Step", "Held-out loss", f"Held-out {_plain(shown.name, 40)}"], rows)


def _facts(run: TrainingRun) -> list[tuple[str, str]]:
    data, first = run.data, run.first_hyperparameters
    model = _bare(run.model)
    weights = sum(weights.numel() for weights in model.parameters())
    own = {"step": run.update, "loss": run.own_loss, "metric": run.metric}
    names = [f"{what} {_plain(name_of(one), 60)}" for what, one in own.items() if one is not None]
    device = processor() if data.device.type == "cpu" else str(data.device)
    if data.device.type == "cuda":
        device = torch.cuda.get_device_name(data.device)
    threads = ", ".join(map(str, sorted(run.thread_counts))) or str(run.threads or "")
    facts = [
        ("Network", f"{_plain(type(model).__name__, 60)}, {weights:,} weights"),
        ("Data", f"{_plain(data.name, 60)}: {_sizes(data)}{_notice(data)}"),
        ("Settings", _settings(first, has_own_loss=run.own_loss is not None)),
        ("Of one's own", "; ".join(names)),
        ("Device", _plain(device)),
        ("Threads", threads if data.device.type == "cpu" else ""),
        ("Processes", f"{run.processes}" if run.processes > 1 else ""),
        ("Versions", _versions()),
    ]
    return [(name, value) for name, value in facts if value]


def _notice(data: Data) -> str:
    """Return what is to be known of the data, without why there are no others on this machine."""
    return _plain(data.notice.partition(f" {FULL_SET_MISSING}")[0], 400)


def _sizes(data: Data) -> str:
    """Return how many examples there are, if the notice does not tell it."""
    splits = {"to train on": data.train, "to choose by": data.validation, "for the test": data.test}
    told = [f"{len(split):,} {how}" for how, split in splits.items() if split is not None]
    if f"{len(data.train):,} " in data.notice:
        return ""
    return f"{_plain(data.noun, 40)}, {', '.join(told)}. "


def _settings(settings: Hyperparameters, *, has_own_loss: bool) -> str:
    words = [
        settings.optimizer,
        *(f"{text} {getattr(settings, name):g}" for name, text in IN_WORDS.items()),
        f"epochs {settings.epochs}",
        f"seed {settings.seed}",
    ]
    if not has_own_loss:
        words.insert(1, f"loss {settings.loss.replace('_', '-')}")
    return ", ".join(words)


def _versions() -> str:
    ours = metadata.version("tutorial_lib")
    words = f"torch {torch.__version__}, numpy {np.__version__}, Python {platform.python_version()}"
    return f"{words}, tutorial_lib {ours}, {platform.system()}"


def _script(run: TrainingRun, new_model: Callable[[], nn.Module]) -> tuple[str, str]:
    """Return the script, and what is to be said of it."""
    try:
        script = script_of(run, new_model())
    except Exception as error:  # whatever a learner's network does
        what = _plain(f"{type(error).__name__}: {error}", 300)
        return "", f"It could not be written: {what}"
    words = "In plain PyTorch; its first lines say which losses come again."
    return _without_folders(script), words


def _without_folders(script: str) -> str:
    """Leave out where a learner's files lie: that is for nobody to read but their names."""
    call = re.compile(r"(from_(?:folder|csv)\()(['\"])(.*?)\2")
    return call.sub(lambda found: f"{found[1]}{found[2]}{_last_name(found[3])}{found[2]}", script)


def _last_name(path: str) -> str:
    return re.split(r"[/\\]+", path.rstrip("/\\"))[-1]


# ---- the curve ----


def _drawn(
    run: TrainingRun, shown: ShownMetric, score: EvaluationRecord | None, *, diverged: bool
) -> LiveCurve:
    """Return the picture of the run, with its score at the end."""
    held_out = run.data.held_out
    count = 0 if held_out is None else len(held_out)
    curve = LiveCurve(len(run.data.train), count, noun=run.data.noun, shown=shown)
    series = curve.begin("", run.history[-1].epochs)
    curve.relabel(labels_by_difference([run.first_hyperparameters]))
    curve.add([*run.history, *run.scores])
    if score is not None and score not in run.scores:
        series.add(_placed(score, series.x[-1]))
    for change in run.changes:
        curve.mark(change)
    curve.end(diverged=diverged)
    return curve


def _placed(score: EvaluationRecord, x: float) -> EvaluationRecord:
    """Return a score that stands where the curve has come to, within an epoch too."""
    values = {name: getattr(score, name) for name in score.__dataclass_fields__}
    return EvaluationRecord(**values | {"epoch": x - 1})


def _pictures(curve: LiveCurve) -> list[_Source]:
    sources = []
    for screen, media in SCREENS:
        png = curve.on(screen).png()
        width, height = _size_of_png(png)
        size = round(width / screen.dots), round(height / screen.dots)
        sources.append(_Source(_address(png), *size, media))
    return sources


def _size_of_png(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _for_the_panel(run: TrainingRun, series: CurveSeries, shown: ShownMetric) -> dict[str, Any]:
    """Return what the page's script is given."""
    records = run.history
    marked = [change.step for change in run.changes]
    kept = _kept(series.loss, [step + side for step in marked for side in (-2, -1)])
    of = [records[place] for place in kept]
    scores = zip(series.scored_x, series.scored_loss, series.scores, strict=True)
    return {
        "taken": len(records),
        "numSteps": max(run.num_steps, len(records)),
        "epochs": records[-1].epochs,
        "unit": _plain(run.data.unit, 40),
        "scoreName": _plain(shown.name, 30),
        "isShare": shown.is_share,
        "diverged": series.diverged,
        "ceiling": loss_ceiling(series.loss[:1]),
        "step": [record.step for record in of],
        "x": [round(series.x[place], 5) for place in kept],
        "loss": [_short(record.loss) for record in of],
        "smoothed": [_short(series.smoothed[place]) for place in kept],
        "rates": _runs_of([_short(record.learning_rate) for record in of]),
        "batches": _runs_of([record.batch_size for record in of]),
        "scores": [[_short(value) for value in row] for row in scores][-MOST_MARKS:],
        "marks": [
            [change.step, f"{SHORT_NAMES[change.field]} {change.after:g}"] for change in run.changes
        ][:MOST_MARKS],
    }


def _kept(losses: Sequence[float], always: Iterable[int]) -> list[int]:
    """Return which places of a long row stay: the lowest and the highest of each stretch.

    Args:
        always: Places that stay if they are there.
    """
    count = len(losses)
    if count <= MOST_POINTS:
        return list(range(count))
    stretch = -(-count // (MOST_POINTS // 3))
    values = np.asarray(losses, dtype=float)
    kept = {
        0,
        count - 1,
        *(place for place in list(always)[: MOST_POINTS // 4] if 0 <= place < count),
    }
    for start in range(0, count, stretch):
        part = values[start : start + stretch]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    return sorted(kept)


def _short(value: float) -> float | None:
    """Return a number with five digits; None for what is none."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _runs_of(values: Sequence[Any]) -> list[list[Any]]:
    """Return a row as [place, value], each from its place on."""
    pairs = [next(group) for _, group in groupby(enumerate(values), key=lambda pair: pair[1])]
    return [list(pair) for pair in pairs]


# ---- what it gets wrong ----


def _wrong(run: TrainingRun) -> _Wrong:
    data = run.data
    noun = _plain(data.noun, 40)
    title = f"The {noun} it gets wrong"
    if data.task == "regression":
        title = f"The {noun} it is furthest off at"
    split = data.held_out
    if split is None:
        return _Wrong(
            title, f"No {noun} are held out: on those it was trained on, it would flatter."
        )
    try:
        return _worst(run, split, title)
    except Exception as error:  # whatever a learner's network does; with its own loss it may answer
        what = _plain(f"{type(error).__name__}: {error}", 300)  # anything at all
        return _Wrong(title, f"They could not be found: {what}")


def _worst(run: TrainingRun, split: Split, title: str) -> _Wrong:
    data = run.data
    among = f"{len(split):,} {_kind(data)} {_plain(data.noun, 40)}"
    if data.task == "regression":
        indices, texts, heads = _furthest_off(run, split)
        if not indices:
            return _Wrong(title, NO_NUMBERS)
        words = f"The furthest first, of {among}, none of which it was trained on."
    else:
        mistakes = hardest_mistakes(run.model, split, count=MOST_WRONG)
        if not all(math.isfinite(mistake.probability) for mistake in mistakes):
            return _Wrong(title, NO_NUMBERS)
        indices = [mistake.index for mistake in mistakes]
        heads = ["It is", "The answer", "How sure"]
        texts = [
            (
                _class_name(data, mistake.label),
                _class_name(data, mistake.answer),
                f"{100 * mistake.probability:.0f}\N{NO-BREAK SPACE}%",
            )
            for mistake in mistakes
        ]
        words = (
            f"Those with the highest loss first, {MOST_WRONG} at most, of {among}. It was trained "
            "on none of them."
            if indices
            else f"None: all {among} are named right."
        )
    if not indices:
        return _Wrong(title, words)
    inputs = split.take(torch.tensor(indices, device=split.device))[0]
    if data.are_pictures:
        pictures = _thumbnails(data, inputs.detach().cpu().float().numpy())
        lines = [_caption(row, is_class=data.task == "classification") for row in texts]
        sources = [
            _Source(one.address, one.width, one.height, is_small=one.is_small, lines=line)
            for one, line in zip(pictures, lines, strict=True)
        ]
        return _Wrong(title, words, pictures=sources)
    names, rows = _columns(data, inputs)
    rows = [[*row, *cells] for row, cells in zip(texts, rows, strict=True)]
    return _Wrong(title, words, heads=[*heads, *names], rows=rows)


def _caption(row: Sequence[str], *, is_class: bool) -> tuple[str, ...]:
    """Return the lines beside a picture; what is seen of it tells the most."""
    if is_class:
        it_is, answer, how_sure = row
        return f"{it_is}, taken for {answer}", f"{how_sure} sure"
    true, answer, off = row
    return f"true {true}", f"answer {answer}", f"off by {off}"


def _class_name(data: Data, number: int) -> str:
    names = data.class_names
    return _plain(names[number], 60) if number < len(names) else str(number)


def _furthest_off(
    run: TrainingRun, split: Split
) -> tuple[list[int], list[tuple[str, ...]], list[str]]:
    answers = predict(run.model, split).double()  # (N, T)
    targets = split.targets.detach().cpu().double().reshape(answers.shape)
    off = (answers - targets).abs().mean(dim=1)  # (N,)
    if not off.isfinite().all():
        return [], [], []
    indices = off.argsort(descending=True, stable=True)[:MOST_WRONG].tolist()
    texts = [(_values(targets[i]), _values(answers[i]), _number(off[i].item())) for i in indices]
    return indices, texts, ["True", "The answer", "Off by"]


def _values(row: Tensor) -> str:
    values = [_number(value) for value in row.reshape(-1)[:MOST_TARGETS].tolist()]
    return ", ".join(values) + " ..." * (row.numel() > MOST_TARGETS)


def _columns(data: Data, inputs: Tensor) -> tuple[list[str], list[list[str]]]:
    """Return names and texts of the first few numbers of inputs (N, ...)."""
    table = rows_as_read(data, inputs)
    if table is not None:
        names, rows = table
        heads = [_plain(name, 40) for name in names[:MOST_COLUMNS]]
        return heads, [[_plain(cell, 40) for cell in row[:MOST_COLUMNS]] for row in rows]
    flat = inputs.detach().cpu().reshape(len(inputs), -1)[:, :MOST_COLUMNS]
    heads = [f"Input {number}" for number in range(1, flat.shape[1] + 1)]
    return heads, [[f"{value:.5g}" for value in row] for row in flat.tolist()]


def _thumbnails(data: Data, pixels: np.ndarray) -> list[_Source]:
    """Return pictures (N, C, H, W), the lowest value of all black and the highest white.

    Digits, and what else comes in MNIST's format, are ink on paper.
    """
    pixels = np.nan_to_num(pixels[:, :3].astype(float))
    low, high = pixels.min(), pixels.max()
    levels = (255 * (pixels - low) / ((high - low) or 1.0)).round().astype(np.uint8)
    if data.name == "sample" or data.name in DOWNLOADED:
        levels = 255 - levels
    return [_thumbnail(one) for one in levels]


def _thumbnail(levels: np.ndarray) -> _Source:
    """Return a picture (C, H, W) uint8, small enough."""
    from PIL import Image

    image = Image.fromarray(levels[0] if len(levels) == 1 else np.moveaxis(levels[:3], 0, 2))
    is_small = max(image.size) <= SMALL
    if max(image.size) > THUMBNAIL:
        image.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    scale = max(1, SMALL // max(image.size))
    width, height = (scale * side for side in image.size)
    return _Source(_address(file.getvalue()), width, height, is_small=is_small)
