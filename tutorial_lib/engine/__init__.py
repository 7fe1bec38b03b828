"""Training: one step, what drives it, and what becomes of it on disk and on other processes."""
