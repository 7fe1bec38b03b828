"""A folder of pictures: which there are, how they are read, and what is left out."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from tutorial_lib.data import StreamedSplit, from_folder
from tutorial_lib.data.picture_folder import read_picture

DRAW = np.random.RandomState(0)


def picture(height=12, width=16, mode="RGB"):
    """Return a smooth picture, as photos are, with a bright left half."""
    ramp = np.linspace(0, 200, height * width * 3).reshape(height, width, 3)
    ramp[:, : width // 2] += 50
    return Image.fromarray((ramp + DRAW.randint(0, 5, ramp.shape)).astype(np.uint8)).convert(mode)


@pytest.fixture
def animals(tmp_path):
    """A folder with ten pictures of each of three classes."""
    for name in ("cat", "dog", "fox"):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for number in range(10):
            file = tmp_path / "animals" / name / f"{number}.png"
            picture(12 + number, 20 - number).save(file)
    return tmp_path / "animals"


def of(folder, **options):
    return from_folder(folder, **{"size": 8, "device": "cpu"} | options)


def test_a_folder_is_a_classification_by_its_folders(animals):
    data = of(animals)
    assert (len(data.train), len(data.validation), len(data.test)) == (24, 3, 3)
    assert data.train.shape == (3, 8, 8)
    for split in (data.train, data.validation, data.test):
        assert len(set(split.targets.bincount().tolist())) == 1
    assert data.notice == (
        "animals: 24 pictures to train on, 3 to choose by, 3 for the test. 3 x 8 x 8 each; a "
        "classification, 3 classes: cat, dog, fox. The pictures take 23 kB in memory."
    )


def test_the_pictures_are_those_that_torchvision_finds(animals):
    found = ImageFolder(animals)
    data = of(animals, validation=0, test=0)
    assert data.classes == tuple(found.classes)
    assert data.train.targets.tolist() == found.targets
    read = [read_picture(path, (3, 8, 8)) for path, _ in found.samples]
    pixels = torch.from_numpy(np.stack(read)).float() / 255
    mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    expected = (pixels - mean[:, None, None]) / std[:, None, None]
    assert torch.allclose(data.train.inputs, expected, atol=1e-5)


@pytest.mark.parametrize("colour", [True, False])
def test_training_pictures_are_normalised_channel_by_channel(animals, colour):
    inputs = of(animals, colour=colour).train.inputs
    assert inputs.shape[1] == (3 if colour else 1)
    assert inputs.mean((0, 2, 3)).abs().max() < 1e-5
    assert (inputs.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-4


def test_black_pictures_do_not_become_nan(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / name / "1.png")
    assert of(tmp_path, validation=0, test=0).train.inputs.isfinite().all()


def test_streamed_pictures_are_those_in_memory(animals):
    kept, streamed = of(animals), of(animals, in_memory=False, workers=0)
    assert isinstance(streamed.train, StreamedSplit)
    assert "The pictures are streamed." in streamed.notice
    for part in ("train", "validation", "test"):
        pairs = zip(getattr(kept, part).first(99), getattr(streamed, part).first(99), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_processes_read_pictures_ahead(animals):
    kept, streamed = of(animals), of(animals, in_memory=False, workers=2)
    inputs = torch.cat([inputs for inputs, _ in streamed.train.chunks(5)])
    assert torch.equal(inputs, kept.train.inputs)


def test_what_is_large_is_streamed_and_the_notice_says_why(animals, monkeypatch):
    monkeypatch.setattr("tutorial_lib.data.picture_folder.free_memory", lambda device: 40_000)
    data = of(animals, workers=0)
    assert "they would take 23 kB, more than half of the 40 kB free." in data.notice
    with pytest.raises(ValueError, match=r"30 pictures take 5\.9 MB, and 40 kB are free"):
        of(animals, size=128, in_memory=True)


# ---- which set ----


def test_folders_of_sets_are_taken_as_they_are(tmp_path):
    for part, count in (("Train", 4), ("valid", 2), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                picture().save(tmp_path / part / name / f"{number}.png")
    data = of(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 4, 2)
    assert data.classes == ("cat", "dog")


def test_a_set_that_has_no_folder_is_drawn_from_the_training_pictures(tmp_path, animals):
    animals.rename(tmp_path / "train")
    (tmp_path / "test" / "fox").mkdir(parents=True)
    picture().save(tmp_path / "test" / "fox" / "1.png")
    data = of(tmp_path, validation=6)
    assert (len(data.train), len(data.validation), len(data.test)) == (24, 6, 1)
    assert data.test.targets.tolist() == [2]


def test_a_class_may_be_called_train(tmp_path):
    for name in ("bus", "train"):
        (tmp_path / name).mkdir()
        picture().save(tmp_path / name / "1.png")
    assert of(tmp_path, validation=0, test=0).classes == ("bus", "train")


def test_the_same_seed_draws_the_same_pictures(animals):
    assert of(animals).test.digest == of(animals, seed=0).test.digest
    assert of(animals).test.digest != of(animals, seed=1).test.digest


def test_it_is_made_again_in_another_process(animals):
    data = of(animals, colour=False, validation=6, test=0.2, seed=5, noun="animals")
    again = pickle.loads(pickle.dumps(data.make_again))("cpu")
    for part in ("train", "validation", "test"):
        assert getattr(again, part).digest == getattr(data, part).digest
    assert again.notice == data.notice


# ---- what is left out ----


def test_pictures_that_cannot_be_read_are_left_out_named_and_counted(animals, monkeypatch):
    whole = (animals / "cat" / "1.png").read_bytes()
    (animals / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (animals / "cat" / "empty.jpg").touch()
    (animals / "dog" / "gone.png").symlink_to(animals / "nowhere.png")
    (animals / "dog" / "words.png").write_text("no picture")
    Image.new("L", (200, 100)).save(animals / "fox" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)
    data = of(animals)
    assert len(data.train) + len(data.validation) + len(data.test) == 30
    assert "5 of 35 pictures are left out: " in data.notice
    assert "cat/empty.jpg (empty), dog/gone.png (a broken link) and 2 more." in data.notice


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_text("no"), "no picture"),
        (lambda path: path.write_bytes(path.read_bytes()[:-60]), "cut short"),
        (lambda path: Image.new("L", (200, 200)).save(path), "too large"),
        (lambda path: Image.new("L", (150, 110)).save(path), "too large"),
    ],
)
def test_it_is_said_why(animals, monkeypatch, spoil, why):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)
    spoil(animals / "dog" / "4.png")
    notice = of(animals, test=0).notice
    assert notice.endswith(f"1 of 30 pictures is left out: dog/4.png ({why}).")


def test_other_files_are_ignored_and_counted(animals):
    for name in ("notes.txt", "cat/Thumbs.db", "cat/._1.png", "stray.png"):
        (animals / name).write_text("something")
    (animals / ".ipynb_checkpoints").mkdir()
    data = of(animals)
    assert data.classes == ("cat", "dog", "fox")
    assert data.notice.endswith("4 other files are ignored.")


def test_links_that_lead_back_are_not_followed_for_ever(animals):
    for name in ("cat", "dog"):
        (animals / name / "back").symlink_to(animals)
        (animals / name / "self").symlink_to(animals / name)
    (animals / "cat" / "other").symlink_to(animals / "dog")
    assert len(of(animals, test=0, validation=0).train) == 30


def test_folders_within_a_class_and_links_to_elsewhere_are_followed(animals, tmp_path):
    (tmp_path / "more" / "deep").mkdir(parents=True)
    picture().save(tmp_path / "more" / "deep" / "1.JPG")
    (animals / "cat" / "more").symlink_to(tmp_path / "more")
    assert len(of(animals, test=0, validation=0).train) == 31


# ---- one picture ----


def read(tmp_path, image, name="one.png", channels=3, size=8, **options):
    image.save(tmp_path / name, **options)
    return read_picture(tmp_path / name, (channels, size, size))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "I", "F", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_mode_are_read(tmp_path, mode, channels):
    grey = Image.new("L", (9, 9), 128)
    image = Image.fromarray(np.full((9, 9), 128 * 257, np.uint16)) if mode == "I;16" else grey
    if mode == "I":
        image = Image.fromarray(np.full((9, 9), 128 * 257, np.int32))
    elif mode == "1":
        image = Image.new("1", (9, 9), 1)
    elif mode != "I;16":
        image = image.convert(mode)
    name = "one.tiff" if mode in ("F", "CMYK", "I") else "one.png"
    pixels = read(tmp_path, image, name, channels)
    assert pixels.shape == (channels, 8, 8)
    assert np.abs(pixels.astype(int) - (255 if mode == "1" else 128)).max() <= 1


def test_what_is_transparent_is_white(tmp_path):
    assert (read(tmp_path, Image.new("RGBA", (9, 9), (0, 0, 0, 0))) == 255).all()
    half = read(tmp_path, Image.new("LA", (9, 9), (0, 128)))
    assert abs(int(half[0, 0, 0]) - 127) <= 1
    palette = Image.new("P", (9, 9), 0)
    assert (read(tmp_path, palette, "one.gif", transparency=0) == 255).all()


def test_of_an_animation_the_first_frame_counts(tmp_path):
    frames = [Image.new("L", (9, 9), value) for value in (250, 10, 20)]
    pixels = read(tmp_path, frames[0], "one.gif", save_all=True, append_images=frames[1:])
    assert (pixels == 250).all()


def test_a_picture_stands_upright_as_its_camera_says(tmp_path):
    image = Image.new("L", (16, 16), 0)
    image.paste(255, (0, 0, 16, 8))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    pixels = read(tmp_path, image, "one.jpg", channels=1, exif=exif)
    assert pixels[0, 0].max() < 30
    assert pixels[0, -1].min() > 220


def test_the_shorter_side_is_scaled_and_the_middle_cut_out(tmp_path):
    image = Image.new("L", (64, 16), 0)
    image.paste(200, (24, 0, 40, 16))  # the middle square
    pixels = read(tmp_path, image, channels=1)
    assert (pixels[..., 1:-1] == 200).all()
    assert pixels.min() > 150  # at the cut, a little of what is beside


@pytest.mark.parametrize("sides", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_tiny_and_thin_pictures_are_scaled_too(tmp_path, sides):
    assert (read(tmp_path, Image.new("L", sides, 90), channels=1) == 90).all()


def test_a_large_photo_is_about_what_it_is_when_decoded_in_full(tmp_path):
    photo = picture(300, 400)
    pixels = read(tmp_path, photo, "photo.jpg", size=16, quality=95)
    photo.save(tmp_path / "photo.png")
    exact = read_picture(tmp_path / "photo.png", (3, 16, 16))
    assert np.abs(pixels.astype(int) - exact.astype(int)).mean() < 3


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_new_picture_becomes_an_input_as_those_of_the_folder(animals, in_memory):
    data = of(animals, validation=0, test=0, in_memory=in_memory, workers=0)
    inputs, _ = data.train.first(1)
    assert torch.equal(data.prepare(animals / "cat" / "0.png"), inputs)
    (animals / "note.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"note\.txt cannot be read: no picture"):
        data.prepare(animals / "note.txt")
