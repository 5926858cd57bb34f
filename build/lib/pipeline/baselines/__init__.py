"""Forecasts without a network: constant velocity and a Kalman filter."""
