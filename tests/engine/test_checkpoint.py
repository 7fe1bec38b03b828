"""A checkpoint is whole or refused, its loading runs nothing, and saving never costs the run.

`TUTORIAL_THOROUGH=10` damages and kills ten times as often.
"""

import hashlib
import itertools
import json
import os
import pickle
import re
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint
from tutorial_lib.data import Data
from tutorial_lib.engine.checkpoint import CheckpointError, Saver, reading
from tutorial_lib.engine.checkpoint.frames import make_frame
from tutorial_lib.engine.checkpoint.packing import pack

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
often = settings(max_examples=250 * TIMES, deadline=None, derandomize=TIMES == 1)


@pytest.fixture
def run(new_run) -> TrainingRun:
    """Return a run that has taken 12 steps: into its second epoch."""
    run = new_run()
    list(itertools.islice(run, 12))
    return run


@pytest.fixture(scope="module")
def whole(few) -> bytes:
    """Return a small file that is whole; it has been appended to twice."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))
    run = TrainingRun(model, few, Hyperparameters(batch_size=10, learning_rate=1e-3))
    with tempfile.TemporaryDirectory() as folder, Saver(run, Path(folder, "small.ckpt")) as saver:
        for _ in range(3):
            list(itertools.islice(run, 2))
            assert saver.save()
        return saver.path.read_bytes()


@pytest.fixture(scope="module")
def place():
    """Return a path that hypothesis may write to again and again."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "run.ckpt")


@pytest.fixture(scope="module")
def damaged(request):
    """Count what was damaged and what was taken all the same."""
    counts = {"damaged": 0, "accepted": 0}
    yield counts
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{counts['damaged']:,} files damaged, {counts['accepted']} accepted in silence")


def refused(place: Path, content: bytes, damaged: dict[str, int]) -> str:
    """Return what `load` says about a file with this content; fail if it says nothing."""
    place.write_bytes(content)
    damaged["damaged"] += 1
    try:
        if notice := checkpoint.load(place).notice:
            return notice  # the state before
    except CheckpointError as error:
        return str(error)
    damaged["accepted"] += 1
    pytest.fail("a damaged file was accepted")


def snapshot(run: TrainingRun) -> tuple:
    """Return all that a run is, down to the object that updates its weights."""
    return id(run.optimizer), plain(run.state_dict())


def plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def fresh(run: TrainingRun, **settings) -> TrainingRun:
    return TrainingRun(LeNet5(seed=1), run.data, run.hyperparameters.replace(**settings))


# ---- to disk and back ----


def test_what_is_loaded_is_what_was_saved(run, tmp_path):
    path = checkpoint.save(run, tmp_path / "new" / "folder" / "run.ckpt")
    loaded, other = checkpoint.load(path), fresh(run, seed=7)
    assert (loaded.notice, loaded.step_number) == ("", 12)
    assert loaded.hyperparameters == run.hyperparameters
    assert checkpoint.restore(other, path).notice == ""
    for one, two in zip(run.model.parameters(), other.model.parameters(), strict=True):
        velocities = run.optimizer.state[one], other.optimizer.state[two]
        assert torch.equal(one, two)
        assert torch.equal(*(velocity["momentum_buffer"] for velocity in velocities))
    assert (other.history, other.hyperparameters) == (run.history, run.hyperparameters)


def test_a_run_without_a_step_is_saved_too(new_run, tmp_path):
    checkpoint.restore(other := new_run(), checkpoint.save(new_run(), tmp_path / "run.ckpt"))
    assert len(list(other)) == 30


def test_a_loaded_checkpoint_says_where_it_stands(run, tmp_path):
    text = str(checkpoint.load(checkpoint.save(run, tmp_path / "run.ckpt")))
    assert re.match(r"step 12, in epoch \d of \d+, with lr [\d.]+, batch \d+, saved on ", text)


def test_the_one_before_is_kept_and_nothing_else(run, tmp_path):
    path = tmp_path / "run.ckpt"
    for _ in range(4):
        checkpoint.save(run, path)
        run.step()
    assert checkpoint.load(path).step_number == 15
    assert checkpoint.load(checkpoint.previous_of(path)).step_number == 14
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.ckpt", "run.ckpt.previous"]


def test_exists_says_whether_there_is_something_to_try(run, tmp_path):
    path = tmp_path / "run.ckpt"
    assert not checkpoint.exists(path)
    checkpoint.save(run, path)
    assert checkpoint.exists(path)
    path.rename(checkpoint.previous_of(path))
    assert checkpoint.exists(path)


def test_another_torch_or_device_is_announced(run, tmp_path, monkeypatch):
    path = checkpoint.save(run, tmp_path / "run.ckpt")
    there = reading.made_with(run)
    monkeypatch.setattr(reading, "made_with", lambda run: there | {"torch": "9.0"})
    notice = checkpoint.restore(fresh(run), path).notice
    assert notice.startswith(
        f"It was saved with torch {torch.__version__}, now 9.0: the last digits"
    )


# ---- damaged, foreign, of another age ----


def test_any_flipped_bit_is_seen(whole, place, damaged):
    @often
    @given(st.sets(st.integers(0, 8 * len(whole) - 1), min_size=1, max_size=3))
    def property_holds(bits):
        content = bytearray(whole)
        for bit in bits:
            content[bit // 8] ^= 1 << bit % 8
        refused(place, bytes(content), damaged)

    property_holds()


def test_every_bit_of_the_first_line_counts(whole, place, damaged):
    for bit in range(8 * (whole.index(b"\n") + 1)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        refused(place, bytes(content), damaged)


def test_a_file_cut_short_anywhere_is_seen(whole, place, damaged):
    @often
    @given(st.integers(0, len(whole) - 1) | st.integers(0, 150))
    def property_holds(length):
        refused(place, whole[:length], damaged)

    property_holds()
    assert "cut short" in refused(place, whole[:-1], damaged)


def test_a_file_with_something_behind_it_or_missing_inside_is_seen(whole, place, damaged):
    frames = whole.split(b"tutorial_lib")
    without_one = b"tutorial_lib".join([*frames[:2], *frames[3:]])
    for content in (whole + b"\0", whole + whole, whole[:900] + whole[901:] + b"\0", without_one):
        refused(place, content, damaged)


def test_another_program_s_file_is_refused(place, damaged, tmp_path):
    torch.save(LeNet5().state_dict(), tmp_path / "lenet.pt")
    contents = [b"", b"\n", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(500), os.urandom(1000)]
    contents += [(tmp_path / "lenet.pt").read_bytes(), Path(__file__).read_bytes()]
    for content in contents:
        assert "is not a checkpoint" in refused(place, content, damaged)


@pytest.mark.parametrize(("version", "age"), [(0, "an older"), (3, "a newer")])
def test_another_version_is_refused_and_named(whole, place, damaged, version, age):
    other = whole.replace(b"checkpoint 2:", f"checkpoint {version}:".encode(), 1)
    words = refused(place, other, damaged)
    assert f"has format {version}, of {age} tutorial_lib; this one reads formats 1 and 2" in words


def test_a_missing_file_and_a_folder_are_named(run, tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*run\.ckpt$"):
        checkpoint.load(tmp_path / "run.ckpt")
    with pytest.raises(CheckpointError, match="cannot be read: that is a folder"):
        checkpoint.load(tmp_path)
    with pytest.raises(CheckpointError, match="is a folder; name a file in it"):
        checkpoint.save(run, tmp_path)


def with_right_digests(payload: bytes) -> list[bytes]:
    """Return files that are whole in each of our formats, with whatever content."""
    digest = hashlib.sha256(payload).hexdigest()
    first = f"tutorial_lib checkpoint 1: {len(payload)} bytes, sha256 {digest}\n".encode()
    return [first + payload, b"".join(make_frame("state", payload, "")[0])]


class Burglar:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_loading_never_runs_code(place, damaged, tmp_path):
    trace = tmp_path / "was_here"
    raw = pickle.dumps({"state": Burglar(trace)})
    torch.save({"state": Burglar(trace), "saved_at": 0.0, "made_with": {}}, tmp_path / "evil.pt")
    evil = (tmp_path / "evil.pt").read_bytes()
    for payload in (raw, evil):
        refused(place, payload, damaged)
        for content in with_right_digests(payload):
            words = refused(place, content, damaged)
            assert "holds something else than the numbers of a run, and was not opened" in words
    assert not trace.exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert trace.exists()  # it would have worked


@pytest.mark.parametrize("held", [None, [], {}, {"state": 3}, {"state": {"history": []}}])
def test_a_file_of_our_format_with_something_else_in_it_is_refused(place, damaged, tmp_path, held):
    torch.save(held, tmp_path / "held.pt")
    payload = (tmp_path / "held.pt").read_bytes()
    for content in (*with_right_digests(payload), *with_right_digests(pack(held))):
        assert "something else" in refused(place, content, damaged)


def test_a_damaged_one_gives_way_to_the_one_before_and_says_so(run, tmp_path):
    path = tmp_path / "run.ckpt"
    checkpoint.save(run, path)
    run.step()
    content = bytearray(checkpoint.save(run, path).read_bytes())
    content[5000] ^= 16
    path.write_bytes(content)
    loaded = checkpoint.restore(other := fresh(run), path)
    assert other.step_number == loaded.step_number == 12
    assert (
        "its SHA-256 is wrong; this is the one before it: step 12, in epoch 2 of 3" in loaded.notice
    )


def test_a_damaged_one_never_pushes_out_a_good_one(run, tmp_path):
    path = tmp_path / "run.ckpt"
    for _ in range(2):
        checkpoint.save(run, path)
    path.write_bytes(path.read_bytes()[:-1])
    run.step()
    checkpoint.save(run, path)
    assert checkpoint.load(path).step_number == 13
    assert checkpoint.load(checkpoint.previous_of(path)).step_number == 12


def test_when_neither_is_whole_both_are_named(run, tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"x")
    checkpoint.previous_of(path).write_bytes(b"y")
    with pytest.raises(CheckpointError, match=r"run\.ckpt is not .*; and .*run\.ckpt\.previous is"):
        checkpoint.restore(run, path)


# ---- of another run ----


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda run: fresh(run, optimizer="adam"), ["its optimizer is momentum, here it is adam"]),
        (lambda run: fresh(run, loss="mse"), ["its loss is cross_entropy, here it is mse"]),
        (
            lambda run: TrainingRun(LeNet5(init="mindspore"), run.data, run.hyperparameters),
            ["its model has conv1.bias [6], the one here has not", "its model has conv2.bias [16]"],
        ),
        (
            lambda run: TrainingRun(wider(), run.data, run.hyperparameters),
            ["its fc3.weight is [10, 84], here it is [12, 84]", "its fc3.bias is [10]"],
        ),
        (
            lambda run: TrainingRun(LeNet5().double(), doubled(run.data), run.hyperparameters),
            ["its conv1.weight is torch.float32, here torch.float64"],
        ),
        (
            lambda run: TrainingRun(LeNet5(), swapped(run.data), run.hyperparameters),
            ["it learned from 100 examples of 'few', here are 50 images of 'swapped'"],
        ),
    ],
    ids=["optimizer", "loss", "init", "shape", "dtype", "data"],
)
def test_what_differs_is_listed_and_the_run_stays_as_it_was(run, tmp_path, other, words):
    path, other = checkpoint.save(run, tmp_path / "run.ckpt"), other(run)
    next(other)
    before = snapshot(other)
    with pytest.raises(CheckpointError, match="cannot be taken up here") as caught:
        checkpoint.restore(other, path)
    assert all(word in str(caught.value) for word in words)
    assert snapshot(other) == before


def wider() -> nn.Module:
    model = LeNet5()
    model.fc3 = nn.Linear(84, 12)
    return model


def swapped(data: Data) -> Data:
    return Data("swapped", "For tests.", data.test, data.train, data.device)


def doubled(data: Data) -> Data:
    train = type(data.train)(data.train.images.double(), data.train.labels)
    return Data(data.name, "For tests.", train, data.test, data.device)


BROKEN = {
    "a part is missing": lambda state: state.pop("position"),
    "no weight": lambda state: state["model"].pop("fc1.bias"),
    "a bad rate": lambda state: state["hyperparameters"].update(learning_rate=-1),
    "an unknown field": lambda state: state["hyperparameters"].update(rate=1),
    "a bad position": lambda state: state.update(position=[1, 2.5, 20, 0.0]),
    "a short position": lambda state: state.update(position=[1, 2]),
    "columns of unequal length": lambda state: state["history"]["loss"].pop(),
    "a column too few": lambda state: state["history"].pop("loss"),
    "a bad change": lambda state: state.update(changes=[[1, 2]]),
    "no optimizer": lambda state: state.update(optimizer={}),
    "no groups": lambda state: state["optimizer"].update(param_groups=[]),
    "another buffer": lambda state: state["optimizer"]["state"][0].update(
        momentum_buffer=torch.zeros(3)
    ),
    "a batch too large": lambda state: state["hyperparameters"].update(batch_size=101),
    "nothing": lambda state: state.clear(),
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_state_that_is_not_whole_changes_nothing(run, damage):
    state, other = run.state_dict(), fresh(run)
    next(other)
    before = snapshot(other)
    damage(state)
    with pytest.raises(
        ValueError, match=r"^(this is not the whole state|the state is of another) .*run"
    ):
        other.load_state_dict(state)
    assert snapshot(other) == before


# ---- a disk that fails ----


def fails_to_save(run: TrainingRun, path: Path, words: str) -> None:
    """Save where that cannot be; the error is one, the folder and the run are as before."""
    files = {file: file.read_bytes() for file in path.parent.iterdir()}
    before = snapshot(run)
    with pytest.raises(CheckpointError, match=words) as caught:
        checkpoint.save(run, path)
    assert "Training can go on" in str(caught.value)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == files
    assert snapshot(run) == before
    run.step()


def test_a_file_that_may_not_grow_is_one_clear_error(run, tmp_path):
    path = checkpoint.save(run, tmp_path / "run.ckpt")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        fails_to_save(run, path, "cannot be saved as .*: File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoint.load(path).step_number == 12


@pytest.fixture
def small_disk(tmp_path):
    """Return the folder of a disk with 1.25 MB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1280k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_one_clear_error_and_costs_nothing(run, small_disk):
    path = checkpoint.save(run, small_disk / "run.ckpt")
    run.step()
    checkpoint.save(run, path)
    fails_to_save(run, path, "cannot be saved as .*: No space left on device")
    assert checkpoint.load(path).step_number == 13
    checkpoint.previous_of(path).unlink()
    checkpoint.save(run, path)
    assert checkpoint.load(path).step_number == 14


def test_a_read_only_folder_is_one_clear_error(run):
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint.save(run, Path(folder, "run.ckpt"))
        Path(folder).chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        try:
            fails_to_save(run, path, "cannot be saved as .*: Permission denied")
            assert checkpoint.load(path).step_number == 12
        finally:
            os.seteuid(user)
            Path(folder).chmod(0o755)


def test_a_read_only_disk_is_one_clear_error(run, small_disk):
    path = checkpoint.save(run, small_disk / "run.ckpt")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    fails_to_save(run, path, "cannot be saved as .*: Read-only file system")
    assert checkpoint.load(path).step_number == 12


# ---- killed, and two at a time ----


def test_the_content_is_on_the_disk_before_it_gets_its_name(run, tmp_path, monkeypatch):
    path, calls = checkpoint.save(run, tmp_path / "run.ckpt"), []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor):
        calls.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def noted_replace(self, target):
        calls.append(f"{self.name} -> {Path(target).name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    checkpoint.save(run, path)
    assert calls == [
        "sync .run.ckpt.part",
        "run.ckpt -> run.ckpt.previous",
        ".run.ckpt.part -> run.ckpt",
        f"sync {tmp_path.name}",
    ]


def test_killed_while_saving_the_run_is_there_and_no_litter_grows(warm_python):
    script = Path(__file__).with_name("kill_saves.py")
    command = [sys.executable, script, str(10 * TIMES)]
    seen = json.loads(warm_python.call(command).stdout)
    assert seen["loadable"] == seen["killed"] >= 10 * TIMES
    assert seen["lost"] == 0
    assert seen["while_writing"] > 0  # it did hit
    assert seen["most_files"] <= 5  # the locks are two
    assert seen["files_after_the_next_save"] == 2


def test_what_a_killed_save_left_is_cleared_by_the_next(run, tmp_path):
    path = checkpoint.save(run, tmp_path / "run.ckpt")
    for length in (0, 10, 1000):
        (tmp_path / ".run.ckpt.part").write_bytes(path.read_bytes()[:length])
        path.unlink()
        checkpoint.save(run, path)
        assert [file.name for file in tmp_path.iterdir()] == ["run.ckpt"]


def test_two_that_save_to_one_name_do_not_mix(new_run, tmp_path):
    path, errors = tmp_path / "run.ckpt", []

    def save_often(run):
        try:
            for _ in range(10):
                checkpoint.save(run, path)
                assert checkpoint.load(path).notice == ""
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=save_often, args=(new_run(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(list(tmp_path.iterdir())) == 2
