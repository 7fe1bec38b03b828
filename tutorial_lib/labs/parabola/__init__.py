"""Gradient descent on one weight, where everything can be worked by hand."""
