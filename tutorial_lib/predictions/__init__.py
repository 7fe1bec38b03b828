"""Commit, then see: what a learner expects, kept until a cell has measured it."""

from tutorial_lib import lazily

__getattr__, __dir__ = lazily(
    __name__,
    {
        "asked": "Prediction measured",
        "choice": "predict_choice",
        "curve": "predict_curve",
        "expected_page": "what_you_expected",
        "number": "predict_number",
    },
)
