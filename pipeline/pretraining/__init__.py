"""A CNN that learns to see from the training split's own frames."""
