"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

import tests.shapes

install_import_hook(["models", "pipeline"], f"{tests.shapes.__name__}.check_shapes")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real recordings beside the clone; skipped where there are none, unless HEADWAY_REQUIRE_SHARED is set."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        message = "the real recordings in ../shared/data are not here"
        if os.environ.get("HEADWAY_REQUIRE_SHARED"):
            pytest.fail(f"{message}, and HEADWAY_REQUIRE_SHARED is set")
        pytest.skip(message)
    return path
