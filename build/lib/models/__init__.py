"""The networks, pure torch: no files, no pandas, no MLflow, no DVC."""
