"""Pictures of runs, of digits and of ideas: draw_*(axes, data) on what they are given."""

from tutorial_lib import lazily

_MODULES = {
    **dict.fromkeys(
        ["draw_runs", "draw_digits", "draw_confusion", "label_ends", "plain_log_ticks"], "plots"
    ),
    **dict.fromkeys(["draw_activations", "draw_accuracy_per_digit", "draw_mistakes"], "answers"),
    **dict.fromkeys(
        [
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
            "draw_step_shares",
            "draw_surprise",
            "draw_valley",
        ],
        "sketches",
    ),
    "smooth": "smoothing",
}
__all__ = sorted(_MODULES)  # noqa: PLE0605

__getattr__ = lazily(__name__, _MODULES)  # numbers are smoothed without matplotlib
