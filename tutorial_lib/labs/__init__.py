"""Labs: each a folder with what it measures, how that is drawn, and its panel."""

from tutorial_lib import lazily

_MODULES = {
    **dict.fromkeys(["batch_race_panel", "batch_size_panel"], "batch_size.panel"),
    "fit_slope": "batch_size.measure",
    "DigitPad": "digit_pad.panel",
    **dict.fromkeys(["InsideRecord", "looking_inside", "train_and_look"], "inside.measure"),
    "draw_inside": "inside.draw",
    "inside_panel": "inside.panel",
    **dict.fromkeys(["losses_and_slopes", "softmax_view"], "losses.measure"),
    **dict.fromkeys(["loss_panel", "softmax_panel"], "losses.panel"),
    "LrFinderPanel": "lr_finder.panel",
    "descent_panel": "parabola.panel",
    **dict.fromkeys(
        [
            "epochs_table",
            "largest_weight_difference",
            "load_mnist_runs",
            "load_reference",
            "reference_run",
        ],
        "parity.measure",
    ),
    **dict.fromkeys(["draw_epochs", "draw_parity", "draw_plateaus"], "parity.draw"),
    **dict.fromkeys(["SURFACES", "descend"], "paths.measure"),
    "steps_in_numbers": "paths.one_step",
    **dict.fromkeys(["paths_panel", "step_panel"], "paths.panel"),
    "RacePanel": "race.panel",
    **dict.fromkeys(["SCHEDULES", "planned_rates", "scheduled"], "schedules.measure"),
    "schedules_panel": "schedules.panel",
    "LossPlane": "slices.measure",
    "plane_panel": "slices.panel",
}
__all__ = sorted(_MODULES)  # noqa: PLE0605

__getattr__ = lazily(__name__, _MODULES)  # so that what is measured can be had without widgets
