"""``headway score`` with a model of the registry: the same bytes as with its folder, and only its weights and JSON."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.errors import InputError
from pipeline.tracking.fetch import fetched
from pipeline.tracking.model import log_model
from pipeline.tracking.registry import CHAMPION, NAME, register
from pipeline.tracking.store import open_store
from pipeline.training.bundle import bundle_digest, write_bundle
from tests.pipeline.tracking.servers import no_postgres, postgres, tracking_server
from tests.small_drives import write_small_drive
from tests.tiny_bundle import make_bundle

Score = Callable[[str], tuple[int, list[str], Path]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    write_bundle(folder, make_bundle(scene=False))
    return folder


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_drive(tmp_path_factory.mktemp("drives") / "drive", seconds=4.0, with_frames=False)


@pytest.fixture
def score(drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Score:
    def call(model: str) -> tuple[int, list[str], Path]:
        """Exit code, the lines on standard error, and the folder of the forecasts."""
        out = tmp_path / "forecasts"
        shutil.rmtree(out, ignore_errors=True)
        words = ["headway", "score", "--model", model, "--drives", str(drive), "--out", str(out)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capsys.readouterr().err.splitlines(), out

    return call


def make_champion(model: Path) -> str:
    """Log a bundle, register it and make it the champion: MLflow's id of the model."""
    store = open_store()
    run_id = store.client.create_run(store.experiment_id).info.run_id
    model_id = log_model(store, run_id, model)
    version = register(store, run_id, tested={})
    store.client.set_registered_model_alias(NAME, CHAMPION, str(version))
    return model_id


def tables(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


def assert_scores_as_its_folder(score: Score, model: Path) -> None:
    """By alias, by version and by id: the bytes that the folder gives, and the summary says which model it was."""
    model_id = make_champion(model)
    code, lines, out = score(str(model))
    expected = tables(out)
    assert (code, len(expected)) == (0, 2)
    run_id = open_store().client.get_logged_model(model_id).source_run_id
    version = {"name": NAME, "version": 1}
    for uri, what in {
        "models:/headway@champion": version,
        "models:/headway/1": version,
        f"models:/{model_id}": {"name": None, "version": None},
    }.items():
        assert score(uri) == (0, lines, out)
        assert tables(out) == expected
        told = json.loads((out / "summary.json").read_text())["model"]
        origin = {"uri": uri, **what, "model_id": model_id, "run_id": run_id, "digest": bundle_digest(model)}
        assert origin.items() <= told.items()
        assert "folder" not in told
    with fetched("models:/headway@champion") as (folder, _):
        files = {path.name for path in folder.parent.rglob("*") if path.is_file()}
    assert files == {"bundle.json", "model.safetensors"}, "nothing that could be run is even fetched"
    assert not folder.exists()


def test_a_model_of_the_registry_scores_as_its_folder_does(score: Score, model: Path, database: Path) -> None:
    assert database.exists()
    assert_scores_as_its_folder(score, model)


@pytest.fixture(params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """One server costs ten seconds, so SQLite is below it only where PostgreSQL cannot be."""
    why_not = no_postgres()
    if request.param == "postgresql" and why_not:
        pytest.skip(why_not)
    if request.param == "sqlite" and not why_not:
        pytest.skip("the server on PostgreSQL shows it")
    with ExitStack() as stack:
        if request.param == "sqlite":
            backend = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'server.db')}"
        else:
            backend = stack.enter_context(postgres())
        (tmp_path / "artifacts").mkdir()
        url = stack.enter_context(tracking_server(backend, folder=tmp_path / "artifacts"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        yield url


def test_a_model_of_a_tracking_server_scores_as_its_folder_does(score: Score, model: Path, server: str) -> None:
    assert server
    assert_scores_as_its_folder(score, model)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("models:/headway@champ", "is not in the registry at sqlite:///"),
        ("models:/headway/7", "is not in the registry at sqlite:///"),
        ("models:/nobody@champion", "give a version that alias: headway promote --name nobody"),
        ("models:/m-0123456789abcdef0123456789abcdef", "is not in the registry at sqlite:///"),
        ("models:/headway", "is no model of the registry; write models:/headway@champion"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(uri: str, words: str, score: Score, model: Path, database: Path) -> None:
    assert database.exists()
    make_champion(model)
    code, (line,), out = score(uri)
    assert code == 1
    assert line.startswith(f"headway: {uri}: ")
    assert words in line
    assert not out.exists()


def test_a_registry_or_files_that_are_away_are_one_line(
    score: Score,
    model: Path,
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    make_champion(model)
    (tmp_path / "mlartifacts").rename(tmp_path / "elsewhere")
    with (
        pytest.raises(InputError, match=r"^headway/1: cannot be fetched from .*mlartifacts"),
        fetched("models:/headway/1"),
    ):
        pass
    database.rename(tmp_path / "other.db")
    code, (line,), _ = score("models:/headway@champion")
    assert (code, "MLflow: has no database at sqlite:///" in line) == (1, True)
    assert not database.exists(), "none is made"
    url = request.getfixturevalue("no_server")
    code, (line,), _ = score("models:/headway@champion")
    assert (code, f"MLflow: cannot be used at {url}" in line, "secret" in line) == (1, True, False)
