"""A learning rate, found by trying them all."""
