"""A pad to draw a digit on, which a trained network reads."""
