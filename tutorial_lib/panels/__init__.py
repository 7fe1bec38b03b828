"""Widgets that drive real trainings; the only place that imports ipywidgets."""

from tutorial_lib.panels.measure import MeasurePanel
from tutorial_lib.panels.pad import DigitPad
from tutorial_lib.panels.play import PlayPanel
from tutorial_lib.panels.race import RacePanel
from tutorial_lib.panels.training import TrainingPanel

__all__ = ["DigitPad", "MeasurePanel", "PlayPanel", "RacePanel", "TrainingPanel"]
