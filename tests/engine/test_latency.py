"""Stop and Pause are quick: `python tests/engine/latency.py` has the figures."""

import latency
import numpy as np


def test_stop_and_pause_take_little_more_than_a_step(sample):
    assert np.median(latency.stops(sample, 10)) < 0.25
    assert np.median(latency.pauses(sample, 10)) < 0.25
