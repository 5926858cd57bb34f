"""The life of a training's run: its status whatever ends it, its metrics, and a server that is away."""

import os
import signal
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from pipeline.terminated import terminable
from pipeline.tracking import run as run_module
from pipeline.tracking.run import TrackedRun, tracked_run
from pipeline.tracking.store import open_store

EPOCHS = [{"train cost": 3.0 / (epoch + 1), "validation_ade_m": 2.0 / (epoch + 1)} for epoch in range(4)]


def start(**kwargs: str | None) -> TrackedRun:
    return tracked_run(params={"train": {"width": 64}}, tags={"headway.data": "d"}, **kwargs)


def found(run_id: str | None):
    assert run_id is not None
    return MlflowClient(tracking_uri=os.environ["MLFLOW_TRACKING_URI"]).get_run(run_id)


def logged(run_id: str | None, name: str) -> list[tuple[int, float]]:
    client = MlflowClient(tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, name)]


def test_a_training_is_a_finished_run_with_all_it_logged(database: Path) -> None:
    with start() as run:
        for epoch, metrics in enumerate(EPOCHS):
            run.log(epoch, metrics)
        assert found(run.run_id).info.status == "RUNNING"
        history = run.history(EPOCHS)
    info, data = found(run.run_id).info, found(run.run_id).data
    assert info.status == "FINISHED"
    assert data.params == {"train.width": "64"}
    assert data.tags["headway.data"] == "d"
    assert "env.torch" in data.tags
    assert logged(run.run_id, "train_cost") == [(epoch, m["train cost"]) for epoch, m in enumerate(EPOCHS)]
    assert (history.record.run_id, history.record.run_name) == (info.run_id, info.run_name)
    assert history.record.started_ms == info.start_time <= history.record.ended_ms <= info.end_time
    assert not (database.parent / "mlruns").exists()
    assert info.artifact_uri.startswith((database.parent / "mlartifacts").as_uri())


def test_metrics_are_sent_together_and_not_one_by_one(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = MlflowClient.log_batch
    monkeypatch.setattr(
        MlflowClient,
        "log_batch",
        lambda *a, metrics=(), **k: (calls.append(len(metrics)), real(*a, metrics=metrics, **k)),
    )
    with start() as run:
        for epoch, metrics in enumerate(EPOCHS):
            run.log(epoch, metrics)
        assert sum(calls) == 0
        monkeypatch.setattr(run_module, "FLUSH_S", 0.0)
        run.log(4, EPOCHS[0])
        assert calls[-1] == 10
    assert sum(calls) == 10
    del database


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (lambda: 1 / 0, "FAILED"),
        (lambda: os.kill(os.getpid(), signal.SIGINT), "KILLED"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "KILLED"),
    ],
    ids=["exception", "SIGINT", "SIGTERM"],
)
def test_a_broken_run_says_how_it_ended_and_goes_on(database: Path, ending, status: str) -> None:
    handlers = [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)]
    errors = (ZeroDivisionError, KeyboardInterrupt, SystemExit)
    with pytest.raises(errors), terminable(), start() as broken:  # noqa: PT012
        broken.log(0, EPOCHS[0])
        broken.log(1, EPOCHS[1])
        ending()
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert found(broken.run_id).info.status == status
    with start(resume=broken.run_id) as run:
        assert found(run.run_id).info.status == "RUNNING"
        for epoch in (1, 2, 3):  # the checkpoint was of epoch 0
            run.log(epoch, EPOCHS[epoch])
        history = run.history(EPOCHS)
    assert run.run_id == broken.run_id
    assert found(run.run_id).info.status == "FINISHED"
    assert history.record.started_ms == found(run.run_id).info.start_time
    assert logged(run.run_id, "train_cost") == [(epoch, m["train cost"]) for epoch, m in enumerate(EPOCHS)]
    del database


def test_a_run_that_is_gone_or_finished_is_not_gone_on_with(database: Path) -> None:
    with start() as finished:
        pass
    with start(resume=finished.run_id) as other:
        pass
    assert other.run_id != finished.run_id
    open_store().client.delete_run(other.run_id)
    for gone in (other.run_id, "0" * 32, "no run id"):
        with start(resume=gone) as run:
            pass
        assert run.run_id not in (finished.run_id, other.run_id, None)
    del database


def test_a_server_that_is_away_costs_one_line(no_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    with start(resume="abc") as run:
        for epoch, metrics in enumerate(EPOCHS):
            run.log(epoch, metrics)
        record = run.history(EPOCHS).record
    assert record.run_id is None
    assert record.params == {"train.width": "64"}
    line = capsys.readouterr().err
    assert line.startswith(f"headway: MLflow cannot be used at {no_server} (")
    assert line.count("\n") == 1
    assert "secret" not in line


def test_a_server_that_goes_away_and_comes_back_gets_everything(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_module, "FLUSH_S", 0.0)
    with start() as run:
        run.log(0, EPOCHS[0])
        with monkeypatch.context() as away:
            away.setattr(MlflowClient, "log_batch", _refuse)
            run.log(1, EPOCHS[1])
            run.log(2, EPOCHS[2])
    assert capsys.readouterr().err.count("headway: ") == 1
    assert [step for step, _ in logged(run.run_id, "train_cost")] == [0, 1, 2]
    assert found(run.run_id).info.status == "FINISHED"
    del database


def test_the_environment_names_the_experiment(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_store().client
    assert client.get_experiment_by_name("headway") is not None
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    with start() as run:
        pass
    assert found(run.run_id).info.experiment_id == client.get_experiment_by_name("mine").experiment_id
    del database


def test_a_deleted_experiment_is_named(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store()
    store.client.delete_experiment(store.experiment_id)
    with start() as run:
        pass
    assert run.run_id is None
    assert "the experiment 'headway' was deleted" in capsys.readouterr().err
    del database


def _refuse(*_arguments: object, **_named: object) -> None:
    raise ConnectionRefusedError
