import subprocess
import sys

from tests.architecture.closure import ROOT

HEAVY = {"torch", "lightning", "mlflow", "pandas", "numpy", "pyarrow", "cv2", "matplotlib", "scipy", "shapely"}
PROGRAM = """
import resource, sys
from pipeline.cli import main
sys.argv = ["headway", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print("=", used.ru_utime + used.ru_stime, *sys.modules)
"""


def test_help_is_there_at_once() -> None:
    seconds: list[float] = []
    for _ in range(3):  # the quickest of three: other processes share the caches and the cores
        done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
        text, _, measured = done.stdout.rpartition("=")
        used, *modules = measured.split()
        assert "Example: headway score" in text
        assert not HEAVY & set(modules)
        seconds.append(float(used))
    assert min(seconds) < 0.5, f"processor seconds of three runs: {seconds}"
