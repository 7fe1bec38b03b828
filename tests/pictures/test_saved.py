"""A picture can be kept in a file, with its words, or opened in the system's viewer."""

import io

import PIL.Image
import pytest

from tutorial_lib.pictures import Picture, saved


@pytest.fixture
def picture() -> Picture:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (90, 40), "white").save(buffer, "png")
    return Picture(buffer.getvalue(), alt="A loss falls to 0.1 (≈ soon).", width=900)


def test_a_saved_picture_keeps_its_words_and_is_replaced(picture, tmp_path):
    path = picture.save(tmp_path / "new" / "loss.png")
    assert picture.save(str(path)) == path
    with PIL.Image.open(path) as image:
        assert image.size == (90, 40)
        assert image.info["Description"] == picture.alt


def test_another_programs_picture_stays(picture, tmp_path):
    path = tmp_path / "theirs.png"
    path.write_bytes(picture.data)
    with pytest.raises(ValueError, match=r"theirs\.png: that is another program's file"):
        picture.save(path)
    assert path.read_bytes() == picture.data


@pytest.mark.parametrize("name", ["loss.jpg", "", "loss", "a\0b.png", "x" * 300 + ".png"])
def test_a_bad_path_gets_one_clear_error(picture, tmp_path, name):
    with pytest.raises(ValueError, match="the picture cannot be saved at"):
        picture.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_path_is_refused(picture):
    with pytest.raises(ValueError, match=r"path must name a \.png file; got 3"):
        picture.save(3)


def test_without_a_viewer_one_line_says_where_it_was_saved(picture, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(saved.tempfile, "mkdtemp", lambda prefix: tmp_path)
    monkeypatch.setattr(saved, "_view", lambda path: False)
    picture.open()
    words = capsys.readouterr().out
    assert words == f"No viewer was found; the picture is in {tmp_path / 'picture.png'}\n"
    assert (tmp_path / "picture.png").exists()


def test_in_a_terminal_it_says_what_it_shows(picture):
    assert repr(picture) == "Picture: A loss falls to 0.1 (≈ soon). (save(path) or open() it)"
