"""The pages on formats are true: the page on adding one has a reader that passes the kit with its writer."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.drives.registry import READERS
from pipeline.errors import Dropped, InputError
from tests.formats.any_drive import assert_sound
from tests.formats.kit import Format, told
from tests.formats.scene import made_up_scene

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "adding-a-format.md"


def _module(folder: Path, name: str, source: str) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(source)
    spec = spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def my_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Format:
    reader, writer = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    monkeypatch.setitem(READERS, "my_format", _module(tmp_path, "my_reader", reader).MyFormatReader())
    module = _module(tmp_path, "my_writer", writer)
    return Format(name="my_format", write=module.write_my_format, holds=module.HOLDS, rate_hz=10.0)


def test_the_pages_reader_passes_the_kit_with_its_writer(my_format: Format, tmp_path: Path):
    made = told(my_format, tmp_path / "drive")
    made.assert_positions()
    made.assert_agents()
    made.assert_frames()
    made.assert_map()
    assert_sound(made.drive)
    assert made.drive.name == "drive"


def test_the_pages_reader_tells_its_errors(my_format: Format, tmp_path: Path):
    my_format.write(tmp_path, made_up_scene())
    reader, path = READERS["my_format"], tmp_path / "traj.csv"
    (ref,) = reader.find(tmp_path)
    header, first, second, *_ = path.read_text().splitlines()
    path.write_text("\n".join([header, first, second.replace("16000", "soon")]))
    assert reader.read(ref).dropped == (Dropped(where=f"{path}: row 3", reason="unreadable t_ns"),)
    path.write_text("\n".join([header, second.replace("16000", "soon")]))
    with pytest.raises(InputError, match=r"traj\.csv: no row has a t_ns; write"):
        reader.read(ref)


def test_the_page_is_short():
    assert len(PAGE.read_text().splitlines()) < 100


def test_the_page_of_formats_lists_them_in_the_order_of_trial():
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "formats.md").read_text(), flags=re.MULTILINE)
    assert rows == list(READERS)
