"""Several settings from the same weights, on the same data in the same order."""
