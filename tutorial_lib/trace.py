"""One run on the live picture: its points, smoothed as they come."""

import math
from array import array
from dataclasses import dataclass, field

from tutorial_lib.records import EvaluationRecord, StepRecord
from tutorial_lib.series import MovingMean


@dataclass
class Trace:
    """The curves of a run. Positions are in epochs: images seen by images in the set."""

    label: str
    colour: str
    epochs: int
    images_per_epoch: int
    span: float = 800  # images that the smoothing spans
    x: array = field(default_factory=lambda: array("d"))
    loss: array = field(default_factory=lambda: array("d"))
    smoothed: array = field(default_factory=lambda: array("d"))
    accuracy_x: array = field(default_factory=lambda: array("d"))
    accuracy: array = field(default_factory=lambda: array("d"))  # in percent
    marks: list[tuple[float, str]] = field(default_factory=list)  # (x, what changed)
    diverged: bool = False
    lowest: float = math.inf  # smoothed loss
    highest: float = 0.0  # loss
    _batch_sizes: array = field(default_factory=lambda: array("l"))
    _mean: MovingMean = field(default_factory=MovingMean)

    def add(self, record: StepRecord | EvaluationRecord) -> None:
        """Take in what one record tells."""
        x = record.images_seen / self.images_per_epoch
        if isinstance(record, EvaluationRecord):
            self.accuracy_x.append(x)
            self.accuracy.append(100 * record.accuracy)
            return
        self.x.append(x)
        self.loss.append(record.loss)
        self.highest = max(self.highest, record.loss)
        self._batch_sizes.append(record.batch_size)
        self._smooth(record.loss, record.batch_size)

    def smooth_over(self, images: float) -> None:
        """Smooth what there is and what comes over so many images, at least over one batch."""
        if images == self.span:
            return
        self.span, self.smoothed, self.lowest = images, array("d"), math.inf
        self._mean = MovingMean()
        for loss, batch_size in zip(self.loss, self._batch_sizes, strict=True):
            self._smooth(loss, batch_size)

    def _smooth(self, loss: float, batch_size: int) -> None:
        self.smoothed.append(self._mean.add(loss, max(1, self.span / batch_size)))
        self.lowest = min(self.lowest, self.smoothed[-1])
