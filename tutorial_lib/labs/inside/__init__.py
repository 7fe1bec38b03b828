"""What goes on inside a network while it trains."""
