"""How fast the network trains and forecasts, beside references that are run in turn with it."""
