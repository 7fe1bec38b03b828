"""What losses say to an error, and softmax with cross-entropy to logits."""
