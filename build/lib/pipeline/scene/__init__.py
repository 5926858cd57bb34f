"""Camera frames to CNN features, cached per frame, and sampled at each agent's place."""
