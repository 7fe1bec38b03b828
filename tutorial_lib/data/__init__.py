"""Digits as tensors: found, fetched, prepared and kept."""

from tutorial_lib.data.digits import Digits, Split, data_folder, load_digits, normalise
from tutorial_lib.data.fetch import DataUnavailable

__all__ = ["DataUnavailable", "Digits", "Split", "data_folder", "load_digits", "normalise"]
