"""Pictures for the notebooks and the labs: `draw_*(axes, data)`.

A lab's pictures stand in the module of its name; those that notebooks ask for by themselves are
`sketches`, to be had from here.
"""

from tutorial_lib.drawings.sketches import (
    draw_batches,
    draw_bowl,
    draw_classes,
    draw_errors,
    draw_kernels,
    draw_learning_rates,
    draw_lines,
    draw_loss_and_slope,
    draw_noise,
    draw_overfitting,
    draw_parameter_counts,
    draw_paths,
    draw_surprise,
    draw_valley,
)

__all__ = [
    "draw_batches",
    "draw_bowl",
    "draw_classes",
    "draw_errors",
    "draw_kernels",
    "draw_learning_rates",
    "draw_lines",
    "draw_loss_and_slope",
    "draw_noise",
    "draw_overfitting",
    "draw_parameter_counts",
    "draw_paths",
    "draw_surprise",
    "draw_valley",
]
