"""Pictures of runs, of digits and of ideas: draw_*(axes, data) on what they are given."""

from tutorial_lib import lazily
from tutorial_lib.pictures.shown import give_words

__getattr__, __dir__ = lazily(
    __name__,
    {  # numbers are smoothed without matplotlib
        "theme": "BLUE COLOURS GREEN GRID INK MUTED ORANGE PURPLE RUN_COLOURS SKY STYLE VERMILION "
        "run_colour run_colours",
        "smoothing": "MAX_LOSS MovingMean decimate equal_span loss_ceiling smooth",
        "plots": "X_LABELS draw_accuracy_by_class draw_accuracy_per_digit draw_activations "
        "draw_confusion draw_digits draw_learning_rates draw_mistakes draw_noisy draw_overfitting "
        "draw_pictures draw_predictions draw_residuals draw_runs draw_ways note "
        "plain_log_ticks tick_text",
        "lenet": "draw_lenet",
        "labels": "label_ends text_width wrapped",
        "names": "plain_text",
        "contrast": "ink_of on_dark",
        "png": "PHOTOGRAPH encode png_of",
        "blitting": "BlittedFigure",
        "layout": "Box Size boxes_on columns_or_rows size_on",
        "curve": "LiveCurve",
        "curve_words": "curve_in_words curve_table",
        "screen": "PAPER Screen",
        "saved": "Picture",
        "alt": "alt_of",
        "queue": "draw_queue",
        "ring": "draw_ring",
        "sketches": "draw_batches draw_bowl draw_classes draw_errors draw_kernels draw_lines "
        "draw_loss_and_slope draw_noise draw_parameter_counts draw_paths draw_step_shares "
        "draw_surprise draw_valley",
    },
)
give_words()
