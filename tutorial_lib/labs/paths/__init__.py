"""The ways that optimizers take down surfaces, and one step in numbers."""
