"""Metrics of forecasts on held-out drives, their intervals, plots."""
