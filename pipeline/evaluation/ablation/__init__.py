"""Ablation: the forecaster trained with other parameters, each judged beside the one that it is compared with."""
