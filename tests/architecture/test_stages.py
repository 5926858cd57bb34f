"""What dvc.yaml and params.yaml declare against what the stages' code does."""

import ast
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from pipeline import config, params
from tests.architecture.closure import PIPELINES, ROOT, closure

PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
Sections = dict[str, str]  # sections of params.yaml, with the name of the class that reads each


class Stage(NamedTuple):
    module: str
    file: Path
    modules: list[str]
    sections: set[str]


def _stages() -> dict[str, Stage]:
    """The stages of the dvc.yaml files as they stand, templates and all."""
    stages: dict[str, Any] = {}
    for pipeline in PIPELINES:
        stages |= yaml.safe_load((ROOT / pipeline).read_text())["stages"]
    found: dict[str, Stage] = {}
    for name, body in ((name, stage.get("do", stage)) for name, stage in stages.items()):
        module = body["cmd"].split()[2]
        found[name] = Stage(
            module=module,
            file=ROOT / f"{module.replace('.', '/')}.py",
            modules=[path for path in body["deps"] if path.endswith(".py")],
            sections={key.split(".")[0] for key in body.get("params", [])},
        )
    return found


def _sections_read(path: Path, readers: dict[str, Sections]) -> dict[str, Sections]:
    """By function of a file: what it asks for, itself or through a function that does so for many."""
    found: dict[str, Sections] = {}
    for function in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        sections: Sections = {}
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name == "load_section":
                section, model = call.args
                sections[ast.literal_eval(section)] = ast.unparse(model)
            sections |= readers.get(name, {})
        if sections:
            found[function.name] = sections
    return found


STAGES = _stages()
READERS: dict[str, Sections] = {"load_sources": {"sources": "Source"}}
READERS |= _sections_read(ROOT / "pipeline" / "training" / "recipe.py", {})
READ = {
    name: {section: model for one in _sections_read(stage.file, READERS).values() for section, model in one.items()}
    for name, stage in STAGES.items()
}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_exactly_the_modules_that_it_imports(name: str) -> None:
    wanted = closure(STAGES[name].module)
    assert STAGES[name].modules == wanted, "run python -m tests.architecture.closure --write"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_exactly_the_sections_that_it_reads(name: str) -> None:
    assert STAGES[name].sections == set(READ[name])


def test_every_stage_file_is_a_stage() -> None:
    files = set((ROOT / "pipeline" / "stages").glob("*.py")) - {ROOT / "pipeline" / "stages" / "__init__.py"}
    assert files == {stage.file for stage in STAGES.values()}


def test_no_stage_is_left_out_of_the_contract_that_keeps_them_apart() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (apart,) = (contract["modules"] for contract in contracts if contract["type"] == "independence")
    assert set(apart) == {stage.module for stage in STAGES.values()}


def test_every_section_of_params_is_read_by_a_stage() -> None:
    assert {section for sections in READ.values() for section in sections} | {"benchmarks"} == set(PARAMS)


@pytest.mark.parametrize("name", PARAMS["benchmarks"])
def test_a_benchmark_has_a_recipe_that_can_be_trained(name: str) -> None:
    assert params.load_benchmark(name).device == "auto"


@pytest.mark.parametrize("section", [section for section in PARAMS if section != "benchmarks"])
def test_a_section_has_exactly_the_fields_of_its_configuration(section: str) -> None:
    (model,) = {sections[section] for sections in READ.values() if section in sections}
    fields = getattr(config, model).model_fields
    for values in PARAMS[section].values() if section == "sources" else [PARAMS[section]]:
        assert set(values) == set(fields)
    assert all(field.is_required() for field in fields.values()), "params.yaml is the only home of defaults"
