"""Learning rates that follow a plan."""
