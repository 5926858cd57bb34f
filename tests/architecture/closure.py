"""The first-party modules that a stage imports, transitively, and the lists of them that ``dvc.yaml`` declares.

``python -m tests.architecture.closure --write`` brings the lists up to date; ``--check`` only says whether they are.
Imports inside functions count, and so do those for type checking alone, since annotations are read at run time.
The closure is that of the source text: first-party modules are therefore never imported by computed names
(``test_forbidden.py`` sees to that).
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIPELINES = ("dvc.yaml", "pipeline/simulation/dvc.yaml")  # the second runs only where a source names its drives
FIRST_PARTY = ("models", "pipeline")


def closure(module: str, *, root: Path = ROOT) -> list[str]:
    """Files, relative to ``root`` and sorted, of ``module``, of all that it imports, and of the packages above them."""
    assert module_file(module, root=root) is not None, f"there is no module {module}"
    seen: dict[str, Path] = {}
    open_names = [module]
    while open_names:
        name = open_names.pop()
        path = module_file(name, root=root)
        if name in seen or path is None:
            continue
        seen[name] = path
        open_names += [name.rpartition(".")[0]] if "." in name else []
        open_names += imported_names(path, package=name if path.name == "__init__.py" else name.rpartition(".")[0])
    return sorted(str(path.relative_to(root)) for path in seen.values())


def module_file(name: str, *, root: Path) -> Path | None:
    """The file of a first-party module or package; None for other people's, and for a name that is no module."""
    if name.partition(".")[0] not in FIRST_PARTY:
        return None
    stem = root.joinpath(*name.split("."))
    return next((path for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py") if path.is_file()), None)


def imported_names(path: Path, *, package: str) -> Iterator[str]:
    """Every name that the file's import statements might mean as a module (``from a import b``: ``a`` and ``a.b``)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def with_modules(text: str, *, root: Path = ROOT) -> str:
    """The text of ``dvc.yaml`` with each stage's list of modules as it should be, and nothing else changed.

    A stage's modules are the ``.py`` items of its block-style ``deps``; its other items come first and stay. The
    stage's own module is what its ``cmd`` runs.
    """
    lines: list[str] = []
    module, deps_indent = "", None
    for line in [*text.splitlines(), ""]:
        if deps_indent is not None:
            item = re.fullmatch(rf"{deps_indent}(?:  )?- (?P<path>.*)", line)
            if item:
                lines += [] if item["path"].endswith(".py") else [line]
                continue
            lines += [f"{deps_indent}  - {path}" for path in closure(module, root=root)]
            deps_indent = None
        if run := re.match(r"\s+cmd: python -m ([\w.]+)", line):
            module = run[1]
        if deps := re.fullmatch(r"(\s+)deps:", line):
            deps_indent = deps[1]
        lines.append(line)
    return "\n".join(lines[:-1]) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the lists; 1 where they are not up to date."""
    parser = argparse.ArgumentParser(description="The stages' lists of modules in the dvc.yaml files.")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="bring them up to date")
    mode.add_argument("--check", action="store_true", help="exit with 1 where they are not")
    options = parser.parse_args(arguments)
    for name in PIPELINES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        wanted = with_modules(text)
        if options.write:
            path.write_text(wanted, encoding="utf-8")
        elif wanted != text:
            sys.stderr.write(f"{name}: modules are out of date; run python -m tests.architecture.closure --write\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
