"""Our widgets are shown live, and where that cannot be, as a picture or in words."""

import runpy
import sys
import types

import ipywidgets as widgets
import pytest

from tutorial_lib.panels import WithPicture, with_picture
from tutorial_lib.pictures.saved import Picture

PICTURE = Picture(b"PNG", alt="a curve", width=900)


class Shown(WithPicture, widgets.VBox):
    def stand_in(self):
        return "a panel", PICTURE


def test_a_page_takes_the_live_one_its_picture_or_its_words():
    widget = Shown()
    bundle, metadata = widget._repr_mimebundle_()
    assert bundle[with_picture.VIEW]["model_id"] == widget.model_id
    assert bundle["image/png"] == PICTURE._repr_png_()[0]
    assert metadata["image/png"]["alt"] == "a curve"
    assert bundle["text/plain"] == "a panel"


def test_once_closed_it_is_a_picture():
    widget = Shown()
    widget.close()
    bundle, _ = Shown._repr_mimebundle_(widget)  # its own was taken away by ipywidgets 8
    assert bundle.keys() == {"text/plain", "image/png"}


@pytest.fixture
def on_colab(monkeypatch):
    """Return the class as it is where Colab's own package has been imported."""
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    return runpy.run_path(with_picture.__file__)


def test_colab_learns_of_it_by_its_being_displayed(on_colab):
    told = []
    parts = on_colab["WithPicture"], widgets.VBox
    widget = type("Shown", parts, {"stand_in": Shown.stand_in})()
    widget._ipython_display_.__globals__["display"] = lambda bundle, **_: told.append(bundle)
    widget._ipython_display_()
    assert told[0].keys() == {with_picture.VIEW, "text/plain", "image/png"}


def test_elsewhere_it_is_the_result_of_its_cell():
    assert not hasattr(Shown, "_ipython_display_")
