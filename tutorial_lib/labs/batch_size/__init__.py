"""What the batch size does to the gradient, to the clock, and to the loss."""
