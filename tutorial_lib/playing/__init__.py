"""Panels that play in a page without a kernel: plain JavaScript over recorded runs, or formulas."""
