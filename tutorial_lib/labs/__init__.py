"""Labs: each a folder with what it measures, how that is drawn, and its panel."""

from tutorial_lib import lazily

__getattr__, __dir__ = lazily(
    __name__,
    {  # what is measured can be had without widgets
        "batch_size.measure": "fit_slope",
        "batch_size.panel": "batch_race_panel batch_size_panel",
        "digit_pad.panel": "DigitPad",
        "inside.draw": "draw_inside",
        "inside.measure": "InsideRecord looking_inside train_and_look",
        "inside.panel": "inside_panel",
        "losses.measure": "losses_and_slopes softmax_view",
        "losses.panel": "loss_panel softmax_panel",
        "lr_finder.panel": "LrFinderPanel",
        "map.draw": "draw_maps scaling_table",
        "map.measure": "HyperparameterMap measure_map recorded_map",
        "map.panel": "MapPanel map_panel",
        "map.recorded": "long_map",
        "map.search": "real search search_all search_table",
        "map.tries": "draw_searches draw_tries",
        "parabola.panel": "descent_panel",
        "parity.draw": "draw_epochs draw_parity draw_plateaus",
        "parity.measure": "epochs_table largest_weight_difference load_mnist_runs load_reference "
        "reference_run",
        "paths.measure": "SURFACES descend steps_in_numbers",
        "paths.panel": "paths_panel step_panel",
        "race.panel": "RacePanel",
        "schedules.measure": "SCHEDULES planned_rates scheduled",
        "schedules.panel": "schedules_panel",
        "slices.measure": "LossPlane",
        "slices.panel": "plane_panel",
    },
)
