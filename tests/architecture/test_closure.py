from pathlib import Path

from tests.architecture.closure import closure, with_modules

FILES = {
    "pipeline/__init__.py": "",
    "pipeline/run.py": "import pipeline.a.one\n",
    "pipeline/a/__init__.py": "from .four import Four\n",
    "pipeline/a/one.py": "import numpy\nfrom pipeline.a import two\ndef late():\n    from ..b.three import Three\n",
    "pipeline/a/two.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import models.net as net\n",
    "pipeline/a/four.py": "import pipeline.a.one\n",
    "pipeline/b/__init__.py": "",
    "pipeline/b/three.py": "from collections import b\n",
    "pipeline/b/unused.py": "",
    "models/__init__.py": "",
    "models/net.py": "",
    "models/unused.py": "",
}
REACHED = sorted(name for name in FILES if not name.endswith("unused.py"))


def write(root: Path) -> None:
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_follows_every_kind_of_import_and_the_packages_above(tmp_path: Path) -> None:
    write(tmp_path)
    assert closure("pipeline.run", root=tmp_path) == REACHED
    assert closure("pipeline.b.three", root=tmp_path) == [
        "pipeline/__init__.py",
        "pipeline/b/__init__.py",
        "pipeline/b/three.py",
    ]


def test_only_the_lists_of_modules_change(tmp_path: Path) -> None:
    write(tmp_path)
    before = """# kept
stages:
  a:
    foreach: ${sources}
    do:
      cmd: python -m pipeline.run --in x
        --out y
      deps:
        - ${item.path}
        - pipeline/gone.py
      outs: [y]
  b:
    cmd: python -m models.net
    deps:
    - data.csv
    params: [b]  # kept too
"""
    modules = "".join(f"        - {name}\n" for name in REACHED)
    after = before.replace("        - pipeline/gone.py\n", modules).replace(
        "    - data.csv\n", "    - data.csv\n      - models/__init__.py\n      - models/net.py\n"
    )
    assert with_modules(before, root=tmp_path) == after
    assert with_modules(after, root=tmp_path) == after
