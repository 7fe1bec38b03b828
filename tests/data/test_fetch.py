import gzip
import signal
import sys
import threading
import time

import pytest
import torch
from tiny_digits import idx, serving, tiny_files, tiny_source

from tutorial_lib import files
from tutorial_lib.data import fetch
from tutorial_lib.data.fetch import TRAIN_IMAGES, TRAIN_LABELS, DataUnavailable, load_raw

FILES = tiny_files()
SOURCE = tiny_source(FILES)
PACKED = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}
BAD_MANNERS = ("refused", "404", "silent", "stalls", "truncated", "altered", "other", "trickles")


@pytest.fixture
def mirror():
    with serving(PACKED) as mirror:
        yield mirror


@pytest.fixture
def use_mirrors(monkeypatch, mirror):
    """Make these the mirrors, and patience short."""
    monkeypatch.setattr(fetch, "SILENCE_SECONDS", (0.05, 0.5))

    def use(*manners):
        urls = [mirror.url(manner) for manner in manners]
        monkeypatch.setattr(fetch, "mirrors", lambda source: urls)

    use()
    return use


@pytest.fixture
def raw(tmp_path):
    """The folder of the raw files, all genuine."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in FILES.items():
        (raw / name).write_bytes(content)
    return raw


def load(folder, **options):
    return load_raw(SOURCE, folders=[folder], **({"store": folder} | options))


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def assert_genuine(tensors):
    for name, content in FILES.items():
        assert idx(tensors[name].numpy()) == content


def test_a_download_gives_the_genuine_tensors_and_keeps_the_files(tmp_path, use_mirrors):
    use_mirrors("good")
    assert_genuine(load(tmp_path))
    assert files_in(tmp_path) == sorted(FILES)
    use_mirrors()
    assert_genuine(load(tmp_path))  # from disk


@pytest.mark.parametrize("manners", BAD_MANNERS)
def test_a_bad_mirror_alone_is_one_plain_error_without_litter(tmp_path, use_mirrors, manners):
    use_mirrors(manners)
    with pytest.raises(
        DataUnavailable, match=r"127\.0\.0\.1.* load_digits\('sample'\) or --data sample, or put"
    ):
        load(tmp_path)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("manners", BAD_MANNERS)
def test_after_a_bad_mirror_the_next_one_is_used(tmp_path, use_mirrors, manners):
    use_mirrors(manners, "good")
    assert_genuine(load(tmp_path))


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        ("404", "answers 404 Not Found"),
        ("silent", "sends nothing for 0.5 seconds"),
        ("refused", "cannot be reached"),
        ("altered", "sends a damaged file"),
        ("endless", "sends a damaged file"),
    ],
)
def test_the_error_says_what_the_mirror_did(tmp_path, use_mirrors, manners, words):
    use_mirrors(manners)
    with pytest.raises(DataUnavailable, match=words) as caught:
        load(tmp_path)
    assert words in caught.value.reason
    assert "sample" not in caught.value.reason


def test_a_mirror_that_failed_is_not_asked_again(tmp_path, use_mirrors, mirror):
    use_mirrors("404", "good")
    load(tmp_path)
    assert len(mirror.requests) == len(FILES) + 1


def test_silent_mirrors_share_the_time_until_giving_up(tmp_path, monkeypatch, use_mirrors):
    use_mirrors(*["silent"] * 10)
    monkeypatch.setattr(fetch, "GIVE_UP_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(DataUnavailable):
        load(tmp_path)
    assert time.monotonic() - started < 10 * fetch.SILENCE_SECONDS[1]
    assert fetch.GIVE_UP_SECONDS < 15


def test_an_interrupt_ends_the_download_at_once_and_leaves_nothing(
    tmp_path, monkeypatch, use_mirrors, mirror
):
    use_mirrors("stalls")
    monkeypatch.setattr(fetch, "SILENCE_SECONDS", (60.0, 60.0))
    main = threading.main_thread().ident
    mirror.on_half = lambda: signal.pthread_kill(main, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path)
    assert files_in(tmp_path) == []


def test_the_download_shows_a_bar_and_prints_nothing(tmp_path, use_mirrors, capsys):
    use_mirrors("truncated", "good")
    load(tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Downloading Tiny: 100%" in err


def test_a_torchvision_that_does_not_load_is_a_plain_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(DataUnavailable, match="torchvision does not load"):
        load(tmp_path)


# ---- files on disk ----


def flip_a_bit(content):
    return content[:-1] + bytes([content[-1] ^ 1])


DAMAGE = {
    "truncated images": (TRAIN_IMAGES, lambda content: content[: len(content) // 2]),
    "altered images": (TRAIN_IMAGES, flip_a_bit),
    "empty": (TRAIN_IMAGES, lambda content: b""),
    "a label of 255": (TRAIN_LABELS, lambda content: content[:-1] + b"\xff"),
    "an altered label": (TRAIN_LABELS, flip_a_bit),
    "truncated gz": (TRAIN_IMAGES, lambda content: gzip.compress(content)[:-9]),
}


@pytest.fixture(params=DAMAGE)
def damaged(request, raw):
    """The path of a damaged raw file among genuine ones."""
    name, damage = DAMAGE[request.param]
    (raw / name).write_bytes(damage(FILES[name]))
    return raw / name


def test_a_damaged_file_is_fetched_again_and_mended(tmp_path, damaged, use_mirrors, mirror):
    use_mirrors("good")
    assert_genuine(load(tmp_path))
    assert mirror.requests == [f"{damaged.name}.gz"]
    assert damaged.read_bytes() == FILES[damaged.name]


def test_a_damaged_file_is_mended_from_the_gz_beside_it(tmp_path, damaged):
    damaged.with_name(f"{damaged.name}.gz").write_bytes(PACKED[f"{damaged.name}.gz"])
    assert_genuine(load(tmp_path, no_download="no network"))
    assert damaged.read_bytes() == FILES[damaged.name]


def test_a_damaged_file_without_a_network_is_one_plain_error(tmp_path, damaged):
    with pytest.raises(DataUnavailable, match=r"raw/.*ubyte is damaged .*; no network\. To work"):
        load(tmp_path, no_download="no network")


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], flip_a_bit, lambda packed: b""])
def test_a_damaged_gz_alone_is_fetched_again(tmp_path, raw, use_mirrors, damage):
    packed = raw / f"{TRAIN_LABELS}.gz"
    packed.write_bytes(damage(PACKED[packed.name])[: -len(packed.name)])
    (raw / TRAIN_LABELS).unlink()
    use_mirrors("good")
    assert_genuine(load(tmp_path))


def test_a_folder_that_keeps_nothing_is_left_as_it_was(tmp_path, damaged, use_mirrors):
    use_mirrors("good")
    before = {path: path.read_bytes() for path in damaged.parent.iterdir()}
    assert_genuine(load(tmp_path, store=None))
    assert {path: path.read_bytes() for path in damaged.parent.iterdir()} == before


def test_a_full_disk_is_no_error(tmp_path, monkeypatch, use_mirrors):
    use_mirrors("good")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    assert_genuine(load(tmp_path))
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (idx(torch.tensor([3, 255]).numpy()), "label 255 is not in 0..9"),
        (b"<html>", "the header is neither"),
        (FILES[TRAIN_IMAGES][:-1], "cannot reshape"),
        (FILES[TRAIN_IMAGES] + b"\0", "cannot reshape"),
    ],
)
def test_a_file_that_is_no_data_set_is_refused(content, words):
    with pytest.raises(ValueError, match=words):
        fetch._parse(content)
