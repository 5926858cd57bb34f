"""Raw tracks to one clean table per drive at one rate, and the split of the drives."""
