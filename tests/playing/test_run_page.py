"""A run as one file: what is in it, whatever was learned, and that nothing of a name is markup."""

import csv
import dataclasses
import html
import json
import re
import shlex
import signal
import sys
from html.parser import HTMLParser
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile_run import HOSTILE, hostile_data, hostile_error, hostile_run
from streamed_digits import Digits

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, cli, evaluate
from tutorial_lib.data import from_csv, from_dataset, from_folder, from_tensors
from tutorial_lib.engine import Diverged, checkpoint, with_accuracy
from tutorial_lib.models import make_model
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.playing import bundle, run_page
from tutorial_lib.playing.run_page import (
    MOST_BYTES,
    MOST_POINTS,
    START,
    _kept,
    page_of,
    write_run_page,
)

PATIENCE = 60


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def one_picture(request, monkeypatch) -> None:
    """Draw the curve for one screen alone, which saves most of the time."""
    if "noise" not in request.node.name:
        monkeypatch.setattr(run_page, "SCREENS", run_page.SCREENS[:1])


@pytest.fixture(scope="module")
def validated(few):
    """Return a few digits, some of them held out."""
    return few.hold_out(20)


def trained(data, *, until: int | None = None, new_model=None, **options) -> TrainingRun:
    settings = {"epochs": 2, "batch_size": 10, "loss": data.default_loss}
    settings |= {key: options.pop(key) for key in list(options) if key in HYPER}
    run = TrainingRun(new(data, new_model)(), data, Hyperparameters(**settings), **options)
    for record in with_accuracy(run, data.held_out):
        if record.step == until:
            break
    return run


HYPER = [field.name for field in dataclasses.fields(Hyperparameters)]


def new(data, new_model=None):
    return lambda: make_model(new_model or data.default_network, 0)


def page(run: TrainingRun, **options) -> str:
    new_model = options.pop("new_model", None)
    return page_of(run, new_model=new(run.data, new_model), **options)


def text_of(markup: str) -> str:
    """Return what is read on a page, in one line."""
    without = re.sub(r"<(style|script)\b.*?</\1>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without)).split())


def given_to_panel(markup: str) -> dict:
    return json.loads(re.search(r'id="run">(.*?)</script>', markup, re.DOTALL).group(1))


# ---- what is in it ----


@pytest.fixture(scope="module")
def changed_run(validated):
    run = TrainingRun(LeNet5(seed=0), validated, Hyperparameters(epochs=3, batch_size=10))
    for record in with_accuracy(run, validated.held_out):
        if record.step == 5:
            run.adjust(learning_rate=0.02, batch_size=20)
    return run


def test_it_says_how_the_run_went_in_its_own_numbers(changed_run):
    text = text_of(page(changed_run))
    right = evaluate(changed_run.model, changed_run.data.validation).accuracy
    steps = changed_run.step_number
    assert f"All {steps} steps were taken, 3 epochs" in text
    assert f"{round(20 * right)} of 20 validation digits right" in text
    assert "From step 6 on: learning rate 0.01 → 0.02" in text
    assert "From step 6 on: batch size 10 → 20" in text
    assert "momentum, loss cross-entropy, learning rate 0.01, batch size 10" in text
    assert f"torch {torch.__version__}" in text


def test_the_panel_is_given_each_step_with_its_loss_rate_and_batch_size(changed_run):
    given = given_to_panel(page(changed_run))
    history = changed_run.history
    assert given["step"] == [record.step for record in history]
    assert given["loss"] == pytest.approx([record.loss for record in history], rel=1e-4)
    assert given["rates"] == [[0, 0.01], [5, 0.02]]
    assert given["batches"] == [[0, 10], [5, 20]]
    assert [one[0] for one in given["scores"]] == [1, 2, 3]
    assert [mark[0] for mark in given["marks"]] == [6, 6]


def test_the_script_is_that_of_copy_as_code(validated):
    panel = TrainingPanel(validated, settings=Hyperparameters(epochs=1, batch_size=10))
    panel.run()
    markup = panel.share("a.html").read_text(encoding="utf-8")
    code = re.search(r"<code>(.*?)</code>", markup, re.DOTALL).group(1)
    assert html.unescape(code) == panel.code()
    panel.close()


def test_the_pictures_are_those_with_the_highest_loss(validated):
    run = trained(validated, epochs=1)
    markup = page(run)
    wrong = 20 - round(20 * evaluate(run.model, validated.validation).accuracy)
    assert wrong > 3
    assert markup.count("<li><img") == min(wrong, 12)
    assert text_of(markup).count("taken for") == min(wrong, 12)


def test_the_scripts_and_styles_are_allowed_by_their_digests_alone(validated):
    markup = page(trained(validated, until=2))
    policy = html.unescape(re.search(r'Policy" content="(.*?)"', markup).group(1))
    assert re.sub(r"sha256-[\w+/=]{44}", "sha256-X", policy) == (
        "default-src 'none'; script-src 'sha256-X'; style-src 'sha256-X'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert bundle.script_text("core.js", "run_page.js") in markup
    assert not re.search(r"\s(style|on\w+)=", re.sub(r"<script>.*", "", markup, flags=re.DOTALL))


# ---- how runs end ----


def test_of_a_stopped_run_it_is_said_how_far_it_came(validated):
    markup = page(trained(validated, until=3))
    assert "3 of 16 planned steps were taken" in text_of(markup)
    assert given_to_panel(markup)["scores"][0][0] == pytest.approx(0.375)  # where it stopped


def test_of_a_diverged_run_it_is_said_where_and_why(validated):
    run = TrainingRun(LeNet5(), validated, Hyperparameters(epochs=3, learning_rate=1e6))
    with pytest.raises(Diverged) as caught:
        list(run)
    markup = page(run, error=caught.value)
    assert f"It diverged after {run.step_number} steps" in text_of(markup)
    assert str(caught.value) in text_of(markup)
    assert given_to_panel(markup)["diverged"]


def test_of_weights_that_answer_no_numbers_no_mistakes_are_told(validated):
    for data in (validated, from_tensors((torch.rand(20, 3), torch.rand(20))).hold_out(5)):
        run = trained(data, until=1, batch_size=5)
        for weights in run.model.parameters():
            weights.data.fill_(float("nan"))
        text = text_of(page(run))
        assert "Its answers are no numbers" in text
        assert "loss is no number" in text
        assert "taken for" not in text


def test_of_a_run_that_failed_the_error_is_told(validated):
    run = trained(validated, until=2)
    assert "RuntimeError: no more" in text_of(page(run, error=RuntimeError("no more")))


def test_a_restored_run_is_shared_as_it_was(validated):
    before = trained(validated, until=6)
    checkpoint.Saver(before, Path("a.run")).save()
    again = TrainingRun(LeNet5(), validated, before.hyperparameters)
    checkpoint.restore(again, checkpoint.load("a.run"))
    texts = [given_to_panel(page(run)) for run in (before, again)]
    assert texts[0] == texts[1]


def test_a_rate_that_follows_a_plan_is_told(validated):
    run = TrainingRun(LeNet5(), validated, Hyperparameters(epochs=1, batch_size=10))
    for record in run:
        run.adjust(learning_rate=0.01 / (1 + record.step), mark=False)
    assert "The learning rate followed a plan: from 0.00125 to 0.01" in text_of(page(run))


# ---- whatever is learned ----


def colours(count: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, 20, 30, generator=draw), torch.arange(count) % 2


def table(path: Path, *, regression: bool) -> Path:
    draw = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["height", "kind", "goal"])
        for number in range(60):
            goal = draw.random() if regression else ["ja", "nein"][number % 2]
            rows.writerow([round(100 + 50 * draw.random(), 2), "ab"[number % 2], goal])
    return path


class Words(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 3))


def made(kind: str, few, path: Path):
    """Return data, a network or None, and what of them must be read on the page."""
    draw = torch.Generator().manual_seed(1)
    rows = torch.rand(40, 4, generator=draw)
    if kind == "pictures":
        inputs, targets = colours()
        data = from_tensors((inputs, targets), noun="flags", classes=["ours", "theirs"])
        return data.hold_out(10), None, ["The flags it gets wrong", "10 validation flags"]
    if kind == "large grey pictures":
        inputs = torch.rand(30, 1, 150, 120, generator=draw)
        return from_tensors((inputs, torch.arange(30) % 3)).hold_out(9), None, ["taken for"]
    if kind == "folder":
        folder = path.parent / "kept somewhere" / "flags"
        for number, picture in enumerate(torch.rand(30, 8, 9, 3, generator=draw)):
            file = folder / ["ours", "theirs"][number % 2] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((255 * picture).byte().numpy()).save(file)
        return from_folder(folder), None, ["from_folder('flags')", "taken for"]
    if kind == "table":
        data = from_csv(table(path, regression=False), target="goal")
        return data, None, ["height", "kind", "of 6 validation rows", "nein"]
    if kind == "table of a regression":
        data = from_csv(table(path, regression=True), target="goal", validation=None)
        return data, None, ["Mean absolute error", "6 test rows", "Off by", "furthest off"]
    if kind == "several targets":
        data = from_tensors((rows, torch.rand(40, 5, generator=draw))).hold_out(8)
        return data, None, ["Input 4", "...", "furthest off"]
    if kind == "pictures with a number":
        inputs, _ = colours()
        data = from_tensors((inputs, torch.rand(40, generator=draw))).hold_out(8)
        return data, None, ["off by", "answer"]
    if kind == "words":
        inputs = torch.randint(9, (40, 5), generator=draw)
        return from_tensors((inputs, torch.arange(40) % 3)).hold_out(12), Words, ["Input 5"]
    if kind == "streamed":
        return from_dataset(Digits(few.train), validation=Digits(few.test)), None, ["taken for"]
    assert kind == "nothing held out"
    return from_tensors((rows, torch.arange(40) % 2)), None, ["No examples are held out"]


KINDS = [
    *(
        "pictures",
        "large grey pictures",
        "folder",
        "table",
        "table of a regression",
        "several targets",
    ),
    *("pictures with a number", "words", "streamed", "nothing held out"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_data_has_a_sensible_page(kind, few, tmp_path):
    data, network, words = made(kind, few, tmp_path / "own.csv")
    run = trained(data, new_model=network, epochs=1, batch_size=8)
    text = text_of(page(run, new_model=network))
    for word in words:
        assert word in text
    assert "could not be" not in text
    assert str(tmp_path) not in text
    assert "somewhere" not in text


def test_a_row_of_a_table_is_shown_as_it_was_read(tmp_path):
    data = from_csv(table(tmp_path / "own.csv", regression=False), target="goal")
    with (tmp_path / "own.csv").open(encoding="utf-8") as file:
        heights = {row["height"] for row in csv.DictReader(file)}
    shown = re.findall(r"<bdi>(1\d\d\.?\d*)</bdi>", page(trained(data, until=1, batch_size=8)))
    assert len(shown) >= 1
    assert {float(one) for one in shown} <= {float(one) for one in heights}


def test_a_metric_of_ones_own_is_the_score(validated):
    def half_right(outputs, targets):
        return (outputs.argmax(1) == targets).float().mean() / 2

    text = text_of(page(trained(validated, metric=half_right)))
    assert re.search(r"Half right 0\.?\d* on 20 validation digits", text)
    assert "metric half_right" in text


def test_answers_of_any_form_leave_out_what_cannot_be_told(validated):
    class Far(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = LeNet5()

        def forward(self, images):
            return {"answer": self.net(images)}

    def own_loss(outputs, targets):
        return nn.functional.cross_entropy(outputs["answer"], targets)

    settings = Hyperparameters(epochs=1, batch_size=10)
    run = TrainingRun(Far(), validated, settings, loss=own_loss)
    list(run)
    text = text_of(page_of(run, new_model=Far))
    assert "They could not be found" in text
    assert "All 8 steps were taken" in text


# ---- nothing of a name is markup ----


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def shape_of(markup: str) -> Tags:
    tags = Tags()
    tags.feed(markup)
    return tags


def test_hostile_names_are_text_and_no_markup():
    run = hostile_run()
    markup = page_of(run, new_model=type(run.model), error=hostile_error(), remark=HOSTILE[0])
    tags = shape_of(markup)
    assert tags.tags.count("script") == 2
    assert not {"iframe", "svg", "link", "base", "object"} & set(tags.tags)
    assert not [name for name in tags.attributes if name.startswith("on") or name == "style"]
    assert "\u2028" not in markup
    assert HOSTILE[1] in text_of_bdi(markup)
    assert given_to_panel(markup)["scoreName"].startswith("</script><script>")


def text_of_bdi(markup: str) -> str:
    return " ".join(map(html.unescape, re.findall(r"<bdi>(.*?)</bdi>", markup)))


def test_a_hostile_regression_is_text_too(tmp_path):
    data = hostile_data(regression=True)
    tags = shape_of(page(trained(data, until=3, batch_size=4)))
    assert tags.tags.count("script") == 2
    assert "onerror" not in tags.attributes


# ---- where it is written ----


def test_it_takes_the_place_of_an_earlier_page_and_of_nothing_else(validated):
    run = trained(validated, until=2)
    for _ in range(2):
        there = write_run_page(Path("a.html"), run, new_model=new(validated))
        assert there.read_bytes().startswith(START)
    Path("b.html").write_text("<!DOCTYPE html>mine")
    with pytest.raises(ValueError, match=r"b\.html: that is another program's file"):
        write_run_page(Path("b.html"), run, new_model=new(validated))
    assert Path("b.html").read_text() == "<!DOCTYPE html>mine"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("run.txt", "it must name a .html file"),
        ("", "it must name a .html file"),
        ("file/run.html", "is not a folder"),
        ("folder.html", "that is a folder"),
        ("~nobody-of-that-name/run.html", "home"),
        ("a\0b.html", "null"),
        (f"{'x' * 300}.html", "name too long"),
    ],
)
def test_a_bad_path_is_refused_in_one_line_and_nothing_is_written(path, words, validated):
    Path("file").touch()
    Path("folder.html").mkdir()
    with pytest.raises(ValueError, match=f"(?i){re.escape(words)}") as caught:
        write_run_page(Path(path), trained(validated, until=1), new_model=new(validated))
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder.html"]


def test_a_run_without_a_step_is_refused(validated):
    run = TrainingRun(LeNet5(), validated, Hyperparameters())
    with pytest.raises(ValueError, match="must have taken a step"):
        write_run_page(Path("a.html"), run, new_model=LeNet5)
    assert not Path("a.html").exists()


def test_a_very_long_run_on_noise_stays_below_a_megabyte():
    draw = np.random.default_rng(0)
    inputs = draw.random((60, 3, 200, 200)).astype(np.float32)
    names = [f"{'W' * 300} {number}" for number in range(30)]
    data = from_tensors((inputs, np.arange(60) % 30), classes=names).hold_out(30)
    run = trained(data, until=1, batch_size=2)
    first = run.history[0]
    run.history[:] = [
        dataclasses.replace(
            first, step=n, epoch=n // 100, epochs=201, loss=loss, learning_rate=rate
        )
        for n, (loss, rate) in enumerate(draw.random((20_000, 2)).tolist(), 1)
    ]
    score = run.scores[0] if run.scores else None
    assert score is None
    assert len(page(run).encode()) < MOST_BYTES


@pytest.mark.parametrize("count", [MOST_POINTS, MOST_POINTS + 1, 60_000])
def test_of_a_long_curve_the_extremes_and_the_ends_stay(count):
    losses = np.random.default_rng(0).random(count)
    kept = _kept(losses, [777])
    assert len(kept) <= MOST_POINTS
    assert {0, count - 1, 777, int(losses.argmin()), int(losses.argmax())} <= {*kept}
    assert kept == sorted(kept)


# ---- the panel, and the command line ----


@pytest.fixture
def panel(validated):
    panel = TrainingPanel(validated, settings=Hyperparameters(epochs=2, batch_size=10))
    yield panel
    panel.close()


def test_a_panel_shares_its_last_run_under_a_free_name(panel):
    panel.run()
    assert panel.share().name == "run.html"
    assert panel.share().name == "run-2.html"
    assert "All 16 steps were taken" in text_of(Path("run.html").read_text(encoding="utf-8"))


def test_a_panel_shares_a_run_that_diverged_and_says_so(panel):
    panel.run(learning_rate=1e6)
    assert "It diverged" in text_of(panel.share().read_text(encoding="utf-8"))


def test_a_panel_shares_a_run_that_is_paused_and_then_goes_on(panel):
    panel.epochs.value = 500
    panel.train()
    with pytest.raises(ValueError, match=r"must be at rest.*: Pause or Stop it first"):
        panel.share()
    assert not Path("run.html").exists()
    panel.pause()
    text = text_of(panel.share().read_text(encoding="utf-8"))
    assert re.search(r"[\d,]+ of 4,000 planned steps were taken", text)
    panel.pause()
    assert panel.state == "running"
    panel.stop()
    assert panel.share().name == "run-2.html"


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        (7, TypeError, "path must be a text or a Path; got 7"),
        (None, ValueError, "the run to share must be there: train one"),
    ],
)
def test_a_panel_refuses_in_one_line(path, error, words, panel):
    with pytest.raises(error, match=re.escape(words)):
        panel.share(path)


SHORT = ["train", "--data", "sample", "--batch-size", "500", "--epochs", "1"]


def test_the_command_line_shares_a_run_with_what_it_says_of_the_test_set(capsys):
    assert cli.main([*SHORT, "--share", "a.html"]) == 0
    *_, score, last = capsys.readouterr().out.splitlines()
    assert last == "The run is shared as a.html."
    text = text_of(Path("a.html").read_text(encoding="utf-8"))
    assert "of 500 validation digits right" in text
    assert score in text
    assert "All 8 steps were taken" in text


def test_the_command_line_shares_a_run_that_diverged(capsys):
    assert cli.main([*SHORT, "--learning-rate", "1e6", "--share", "a.html"]) == 1
    assert "It diverged" in text_of(Path("a.html").read_text(encoding="utf-8"))


def test_the_command_line_refuses_before_the_first_step(capsys):
    Path("mine.html").write_text("mine")
    assert cli.main([*SHORT, "--share", "mine.html"]) == 2
    assert "the run cannot be shared as mine.html" in capsys.readouterr().err
    assert cli.main([*SHORT, "--save", "a.html", "--share", "a.html"]) == 2
    assert "that is the file of the run" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["mine.html"]


def test_a_run_that_is_ended_early_is_shared_and_so_is_its_rest(monkeypatch, capsys):
    say, lines = cli._say, []

    def say_and_press(line: str) -> None:
        say(line)
        lines.append(line)
        if line.startswith("Epoch:") and sum(map(str.startswith, lines, repeat("Epoch:"))) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli, "_say", say_and_press)
    options = ["--init", "mindspore", "--per-print-times", "1"]
    assert cli.main([*SHORT, *options, "--save", "a.run", "--share", "a.html"]) == 130
    text = text_of(Path("a.html").read_text(encoding="utf-8"))
    assert "3 of 8 planned steps were taken" in text
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])[3:]
    assert command[-4:] == ["--share", "a.html", "--per-print-times", "1"]
    assert cli.main(command) == 0
    text = text_of(Path("a.html").read_text(encoding="utf-8"))
    assert "All 8 steps were taken" in text
    assert "Its 8 losses are those of the tutorial" in text  # with mindspore's first weights


def test_a_page_that_cannot_be_written_is_said_and_the_run_stays(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_page, "replacing", full)
    assert cli.main([*SHORT, "--save", "a.run", "--share", "a.html"]) == 1
    said = capsys.readouterr()
    assert "The run cannot be shared as a.html: No space left on device." in said.err
    assert "The run is saved as a.run, at step 8." in said.out


def test_a_panel_shares_a_run_that_it_has_restored(validated):
    options = {"settings": Hyperparameters(epochs=1, batch_size=10), "save_to": "a.run"}
    before = TrainingPanel(validated, **options)
    before.run()
    before.close()
    after = TrainingPanel(validated, **options)
    after.restore()
    text = text_of(after.share().read_text(encoding="utf-8"))
    assert "All 8 steps were taken" in text
    after.close()
