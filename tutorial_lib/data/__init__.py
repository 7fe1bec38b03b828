"""What is learned from: digits that are found, fetched and prepared, and examples of one's own."""

from tutorial_lib.data.digits import (
    DOWNLOADED,
    condition,
    digest_as_loaded,
    load_digits,
    normalise,
)
from tutorial_lib.data.fetch import DataUnavailable
from tutorial_lib.data.own import from_dataset, from_tensors
from tutorial_lib.data.picture_folder import from_folder
from tutorial_lib.data.sets import Data
from tutorial_lib.data.split import Split
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.data.table_file import from_csv
from tutorial_lib.folders import data_folder, named_folder, writable_folder
