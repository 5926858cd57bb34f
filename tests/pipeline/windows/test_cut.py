import ast
from pathlib import Path

ROOT = Path(__file__).parents[3] / "pipeline"


def attributes(path: Path) -> set[str]:
    return {
        node.attr for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)
    }


def imported(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in nodes for alias in node.names}


def test_only_the_cut_reads_tracks_on_the_way_to_windows():
    readers = {path.name for path in (ROOT / "windows").glob("*.py") if "tracks" in attributes(path)}
    assert readers == {"cut.py"}


def test_what_computes_inputs_cannot_name_anything_that_holds_the_future():
    names = imported(ROOT / "windows" / "inputs.py")
    assert "History" in names
    assert not names & {"CleanDrive", "Cut", "Recorded", "Future", "Windows", "cut"}
