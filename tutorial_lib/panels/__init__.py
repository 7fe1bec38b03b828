"""Widgets that drive real trainings; the only place that imports ipywidgets."""

from tutorial_lib.panels.training import TrainingPanel

__all__ = ["TrainingPanel"]
