"""The map of learning rate and batch size: a training for each pair."""
