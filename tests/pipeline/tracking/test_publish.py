"""The tracking server has the run of the result at hand: once, whole, whatever happened before."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from pipeline.errors import InputError
from pipeline.files import digest
from pipeline.stages import publish as publish_stage
from pipeline.tracking.history import History, read_history, write_history
from pipeline.tracking.publish import PUBLISHING, RECREATED, RESULT, publish
from pipeline.tracking.registry import NAME, VERSION
from pipeline.tracking.run import tracked_run
from pipeline.tracking.store import open_store

EPOCHS = [{"train_cost": 3.0 / (epoch + 1), "validation_ade_m": 2.0 / (epoch + 1)} for epoch in range(3)]
METRICS = {
    "social_lstm": {"movers": {"ade_m": 1.25, "ade_m_low": 1.0, "num_agents": 9}, "note": "no number"},
    "counts": {"scenes": 7},
}


class Result(NamedTuple):
    model: Path
    history: Path
    metrics: Path
    plots: Path

    def publish(self) -> str:
        return publish(self.model, history_dir=self.history, metrics_path=self.metrics, plots_dir=self.plots)


@pytest.fixture
def result(database: Path, tmp_path: Path) -> Result:
    """A training that ran, with its run in the database, and what evaluation made of it."""
    made = Result(tmp_path / "model", tmp_path / "history", tmp_path / "metrics.json", tmp_path / "plots")
    made.model.mkdir()
    (made.model / "model.safetensors").write_bytes(b"weights")
    with tracked_run(params={"train": {"width": 64}}, tags={"headway.data": "d"}) as run:
        for epoch, metrics in enumerate(EPOCHS):
            run.log(epoch, metrics)
        write_history(made.history, run.history(EPOCHS))
    made.metrics.write_text(json.dumps(METRICS))
    made.plots.mkdir()
    (made.plots / "errors.svg").write_text("<svg/>")
    assert database.exists()
    return made


def lose(empty_database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracking database is gone, and a new one is in use."""
    shutil.copy(empty_database, folder / "new.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'new.db'}")


def runs() -> list[Run]:
    store = open_store()
    return list(store.client.search_runs([store.experiment_id]))


def break_off(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def assert_whole(run: Run, result: Result) -> None:
    """Everything that the result holds is in the run, once."""
    store, run_id = open_store(), run.info.run_id
    client = store.client
    record = read_history(result.history).record
    assert run.info.status == "FINISHED"
    assert (run.info.run_name, run.info.start_time) == (record.run_name, record.started_ms)
    assert run.data.params == {"train.width": "64"}
    assert dict(record.tags).items() <= run.data.tags.items()
    assert PUBLISHING not in run.data.tags
    for name in EPOCHS[0]:
        there = sorted((metric.step, metric.value) for metric in client.get_metric_history(run_id, name))
        assert there == [(epoch, metrics[name]) for epoch, metrics in enumerate(EPOCHS)]
    tested = {name: value for name, value in run.data.metrics.items() if name.startswith("test/")}
    assert tested == {"test/social_lstm/movers/ade_m": 1.25, "test/counts/scenes": 7.0}
    files = {item.path for folder in (None, "history", "evaluation") for item in client.list_artifacts(run_id, folder)}
    assert {"metrics.json", "history/history.csv", "history/run.json", "evaluation/errors.svg"} <= files
    models = client.search_logged_models([store.experiment_id], filter_string=f"source_run_id = '{run_id}'")
    assert [(logged.name, str(logged.status)) for logged in models] == [("model", "READY")]
    assert {metric.key for metric in models[0].metrics or ()} == tested.keys()
    assert [output.model_id for output in run.outputs.model_outputs] == [models[0].model_id]
    (version,) = client.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'")
    assert run.data.tags[VERSION] == str(version.version)
    assert version.source == f"models:/{models[0].model_id}"
    assert version.tags == {"test/social_lstm/movers/ade_m": "1.25"}


def test_the_trainings_run_is_completed_once(result: Result, database: Path) -> None:
    run_id = result.publish()
    assert run_id == read_history(result.history).record.run_id
    assert_whole(open_store().client.get_run(run_id), result)
    before = digest(database)
    assert result.publish() == run_id
    assert digest(database) == before, "a result that is there must not be written again"
    assert len(runs()) == 1
    assert RECREATED not in runs()[0].data.tags


def test_a_new_database_gets_the_run_again(
    result: Result, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = result.publish()
    lose(empty_database, tmp_path, monkeypatch)
    second = result.publish()
    assert second != first
    assert result.publish() == second
    (run,) = runs()
    assert run.data.tags[RECREATED] == "true"
    assert_whole(run, result)
    assert run.info.end_time == read_history(result.history).record.ended_ms


def test_a_training_without_a_server_is_logged_later(result: Result) -> None:
    history = read_history(result.history)
    lost = {name: getattr(history.record, name) for name in ("started_ms", "ended_ms", "params", "tags")}
    write_history(
        result.history, History(record=type(history.record)(run_id=None, run_name=None, **lost), epochs=history.epochs)
    )
    run_id = result.publish()
    run = open_store().client.get_run(run_id)
    assert run.data.tags[RECREATED] == "true"
    assert run.data.metrics["train_cost"] == EPOCHS[-1]["train_cost"]


@pytest.mark.parametrize(
    ("broken", "run"),
    [
        ("pipeline.tracking.publish._log_training", "lost"),
        ("pipeline.tracking.publish._log_files", "there"),
        ("mlflow.tracking.MlflowClient.log_model_artifacts", "lost"),  # the model is there then, but not ready
        ("mlflow.tracking.MlflowClient.create_model_version", "there"),
        ("pipeline.tracking.publish._finish", "lost"),
    ],
)
def test_broken_off_anywhere_it_still_ends_with_one_run(
    result: Result, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, run: str
) -> None:
    if run == "lost":
        lose(empty_database, tmp_path, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(broken, break_off)
        with pytest.raises(KeyboardInterrupt):
            result.publish()
    run_id = result.publish()
    (made,) = runs()
    assert made.info.run_id == run_id
    assert_whole(made, result)


def test_another_result_of_the_same_training_is_another_run(result: Result) -> None:
    first = result.publish()
    result.metrics.write_text(json.dumps({"social_lstm": {"movers": {"ade_m": 9.0}}}))
    second = result.publish()
    assert len({first, second}) == len(runs()) == 2
    client = open_store().client
    assert client.get_run(first).data.metrics["test/social_lstm/movers/ade_m"] == 1.25
    assert client.get_run(second).data.metrics["test/social_lstm/movers/ade_m"] == 9.0
    result.metrics.write_text(json.dumps(METRICS))
    assert result.publish() == first
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2


def test_a_run_from_before_the_registry_is_registered_once(result: Result) -> None:
    client = open_store().client
    run_id = result.publish()
    client.delete_registered_model(NAME)
    client.delete_tag(run_id, VERSION)
    for _ in range(2):
        assert result.publish() == run_id
        assert_whole(client.get_run(run_id), result)


def test_a_deleted_run_is_made_again(result: Result) -> None:
    first = result.publish()
    open_store().client.delete_run(first)
    second = result.publish()
    assert second != first
    assert_whole(open_store().client.get_run(second), result)


def test_what_is_missing_or_away_is_named(
    result: Result, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, told in ((result.plots, "is no folder"), (result.metrics, "cannot be read")):
        hidden = path.rename(path.with_name("hidden"))
        with pytest.raises(InputError, match=told):
            result.publish()
        hidden.rename(path)
    result.metrics.write_text("[1]")
    with pytest.raises(InputError, match="holds no metrics"):
        result.publish()
    result.metrics.write_text(json.dumps(METRICS))
    url = request.getfixturevalue("no_server")
    with pytest.raises(InputError, match=f"MLflow: cannot be used at {url}") as raised:
        result.publish()
    assert "secret" not in str(raised.value)
    assert len(open_store_at(result).search_runs(["1"])) == 1
    assert RESULT not in open_store_at(result).search_runs(["1"])[0].data.tags
    del capsys


def open_store_at(result: Result) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{result.model.parent / 'mlflow.db'}")


def test_the_stage_names_the_run(
    result: Result, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = zip(("model", "history", "metrics", "plots"), result, strict=True)
    monkeypatch.setattr(sys, "argv", ["publish", *(word for name, path in paths for word in (f"--{name}", str(path)))])
    publish_stage.main()
    (run,) = runs()
    assert run.info.run_id in capsys.readouterr().out


def test_a_result_that_is_there_costs_no_torch() -> None:
    """publish runs at every ``dvc repro``, which has eight seconds."""
    heavy = "{'torch', 'lightning', 'cv2', 'matplotlib'}"
    code = f"import sys, pipeline.tracking.publish; assert not {heavy} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
