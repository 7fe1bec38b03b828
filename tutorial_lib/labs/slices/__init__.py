"""A plane through the weights of a trained net."""
