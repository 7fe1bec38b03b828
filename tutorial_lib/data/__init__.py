"""Digits as tensors: found, fetched, prepared and kept."""

from tutorial_lib.data.digits import (
    DOWNLOADED,
    Digits,
    condition,
    digest_as_loaded,
    load_digits,
    normalise,
)
from tutorial_lib.data.fetch import DataUnavailable
from tutorial_lib.data.folders import data_folder, named_folder, writable_folder
from tutorial_lib.data.split import Split
