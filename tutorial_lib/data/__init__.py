"""Digits as tensors: found, fetched, prepared and kept."""

from tutorial_lib.data.digits import (
    DOWNLOADED,
    Digits,
    condition,
    data_folder,
    load_digits,
    normalise,
    writable_folder,
)
from tutorial_lib.data.fetch import DataUnavailable
from tutorial_lib.data.split import Split
