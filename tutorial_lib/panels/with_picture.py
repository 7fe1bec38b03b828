"""How a widget of ours is shown: live, and where that cannot be, as a picture or in words."""

import sys
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from tutorial_lib.pictures.saved import Picture

VIEW = "application/vnd.jupyter.widget-view+json"
# Widgets of ipywidgets 7 display themselves, and Colab's page learns only from what is displayed
# that widgets which are not among ipywidgets' own are to be fetched.
DISPLAY_THEMSELVES = hasattr(widgets.Widget, "_ipython_display_") or "google.colab" in sys.modules


class WithPicture:
    """Mixed into a widget: a page takes the live one, its picture, or its words."""

    @property
    def shown(self) -> widgets.Widget:
        """What a page takes as the live one: the widget, or a box that it stands in."""
        return self

    def stand_in(self) -> tuple[str, Picture | None]:
        """Return words and a picture, or words alone, that stand for the widget; for subclasses."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        words, picture = self.stand_in()
        bundle: dict[str, Any] = {"text/plain": words}
        metadata: dict[str, Any] = {}
        if picture is not None:
            bundle["image/png"], metadata["image/png"] = picture._repr_png_()
        if self.comm is not None:  # it has not been closed
            bundle[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.shown.model_id}
        return bundle, metadata

    if DISPLAY_THEMSELVES:

        def _ipython_display_(self, **_: Any) -> None:
            bundle, metadata = self._repr_mimebundle_()
            display(bundle, raw=True, metadata=metadata)
