"""What every panel is, and the panel that trains; labs have their own."""

from tutorial_lib import lazily

__getattr__, __dir__ = lazily(
    __name__,
    {  # what makes runs, and what is said of them, can be had without widgets
        "cells": "replace_previous",
        "code_box": "CodeShelf",
        "live": "LivePanel",
        "main_thread": "MainThread",
        "measure": "MeasurePanel",
        "play": "Draw PlayPanel",
        "training": "TrainingPanel",
        "with_picture": "WithPicture",
    },
)
