"""What agents do, as manoeuvres and as controls, along recorded futures and forecasts alike."""
