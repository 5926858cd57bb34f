"""MLflow: every training is a run, and the run of the result at hand is always there."""

import os

# MLflow reads these when it is imported or used; what the user has set stays.
# Who trains on which recordings is nobody else's business.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A server that is away must be noticed in seconds: MLflow's own seven retries with doubling waits take four minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
# Bars on standard error would stand among the one-line messages.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
