"""What ``torchrun`` starts in ``test_processes``: a small training; the first process writes its weights."""

import json
import sys
from pathlib import Path

from safetensors.torch import save_file

from pipeline.config import TrainConfig
from pipeline.training.fit import Trainer
from tests.small_windows import small_windows


def main() -> None:
    """Train by the recipe in a file, which the first argument names; the second one is the folder for the result."""
    config = TrainConfig(**json.loads(Path(sys.argv[1]).read_text()))
    folder = Path(sys.argv[2])
    trainer = Trainer(small_windows(num_scenes=48), config=config, checkpoint=folder / "state")
    fitted = trainer.fit()
    if trainer.fabric.is_global_zero:
        save_file(dict(fitted.model.state_dict()), folder / "model.safetensors")
        (folder / "history.json").write_text(json.dumps(fitted.history))


if __name__ == "__main__":
    main()
