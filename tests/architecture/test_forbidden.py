"""What the house forbids and ruff does not see: each rule is tried on a line that breaks it, then on the code."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT

SOURCES = sorted(path for folder in ("models", "pipeline") for path in (ROOT / folder).rglob("*.py"))
Rule = Callable[[ast.AST], bool]


def _called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _keyword(node: ast.AST, name: str) -> object:
    """The constant that a call gives for a keyword; ``...`` where it is computed, None where it is absent."""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == name:
                return keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
    return None


def _loads_pickle(node: ast.AST) -> bool:
    name = _called(node)
    return name.rpartition(".")[2] in {"Unpickler", "read_pickle", "to_pickle"} or (
        name.partition(".")[0] in {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    )


def _loads_torch_code(node: ast.AST) -> bool:
    return _called(node) in {"torch.load", "torch.jit.load", "torch.package.PackageImporter"} and (
        _keyword(node, "weights_only") is not True
    )


def _loads_numpy_objects(node: ast.AST) -> bool:
    return _keyword(node, "allow_pickle") not in {None, False}


def _catches_everything(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in caught)


def _imports_by_computed_name(node: ast.AST) -> bool:
    return _called(node).rpartition(".")[2] in {"import_module", "__import__", "find_loader", "run_module", "run_path"}


def _seeds_globally(node: ast.AST) -> bool:
    """Seeds that outlive the block that sets them: a ``with fork_rng`` restores what it found."""
    seeds = {"torch.manual_seed", "torch.cuda.manual_seed_all", "random.seed", "seed_everything"}
    if not isinstance(node, ast.FunctionDef | ast.Module):
        return False
    forks = [part for part in ast.walk(node) if isinstance(part, ast.With) and "fork_rng" in ast.unparse(part.items[0])]
    forked = {part for fork in forks for part in ast.walk(fork)}
    return any(_called(part) in seeds and part not in forked for part in ast.walk(node))


RULES: dict[str, tuple[Rule, str]] = {
    "no pickle": (_loads_pickle, "pickle.load(file)"),
    "torch.load only with weights_only=True": (_loads_torch_code, "torch.load(path, map_location='cpu')"),
    "no allow_pickle": (_loads_numpy_objects, "np.load(path, allow_pickle=True)"),
    "no except Exception": (_catches_everything, "try: x\nexcept (ValueError, Exception): raise"),
    "imports are statements (the stages' deps are read off them)": (_imports_by_computed_name, "import_module(name)"),
    "no global seeds": (_seeds_globally, "torch.manual_seed(0)"),
}


@pytest.mark.parametrize("rule", RULES)
def test_forbidden(rule: str) -> None:
    breaks, example = RULES[rule]
    assert any(map(breaks, ast.walk(ast.parse(example)))), "the rule does not see its own example"

    def found() -> Iterator[str]:
        for path in SOURCES:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if breaks(node):
                    yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"

    assert not list(found())


def _imported(path: Path, *, module: str) -> set[str]:
    """The names that a file takes from a module."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {a.name for node in nodes if isinstance(node, ast.ImportFrom) and node.module == module for a in node.names}


def test_only_cut_tells_what_was_known_from_what_came_after() -> None:
    users = {path.stem: names for path in SOURCES if (names := _imported(path, module="pipeline.windows.cut"))}
    assert set(users) == {"build", "inputs", "lessons"}
    for name in ("inputs", "lessons"):
        assert users[name] == {"History"}, "what computes inputs cannot even name what came after"
    assert _imported(ROOT / "pipeline/windows/inputs.py", module="pipeline.windows.windows") == {"Observed"}
    build = ast.parse((ROOT / "pipeline/windows/build.py").read_text(encoding="utf-8"))
    assert not {"History", "Recorded", "Cut"} & {_called(node) for node in ast.walk(build)}, "cut.py makes them"
