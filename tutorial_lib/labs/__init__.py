"""Measurements and small models that the labs of the notebooks show: plain numbers only."""
