"""The same work on many things at once, on a Ray cluster.

Ray hands functions and values from process to process as pickles of its own; that is between processes of one
cluster, which trust each other. Nothing that we load from a file executes code, here as elsewhere.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

from pipeline.errors import InputError

T = TypeVar("T")
R = TypeVar("R")

RETRIES: Final = 3  # after a worker or its machine was lost
_STORE_BYTES: Final = 256 * 2**20  # of a cluster that is started here: it holds one model
_KNOCK_S: Final = 10.0
_LOOK_S: Final = 10.0
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a warning otherwise
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # an environment that was made stays as it is
}


@contextmanager
def ray_cluster(*, num_cpus: int | None = None) -> Generator[ModuleType]:
    """Yield Ray, connected: to what this process is connected to, else a cluster, else one on this machine alone.

    The cluster is that of the variable RAY_ADDRESS, or one that runs on this machine (``ray start``). One that is
    started here ends with the block, and with the process, however that ends.

    Args:
        num_cpus: Of a cluster that is started here; as many as there are by default.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached.
    """
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        import ray  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise InputError("--engine ray", "Ray is not installed", "pip install ray") from error
    if ray.is_initialized():
        yield ray
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        before = signal.getsignal(signal.SIGTERM)
        try:
            _connect(ray, num_cpus=num_cpus)  # what it says of lost workers goes to standard output: many lines
        finally:
            if threading.current_thread() is threading.main_thread():  # it sets a handler of its own
                signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
        try:
            yield ray
        finally:
            ray.shutdown()


def in_ray(
    ray: ModuleType,
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    at_once: int,
    num_gpus: float,
    lost: Callable[[T, str], R],
) -> Generator[tuple[T, R]]:
    """Do the work as tasks and yield each item with its result as it is done.

    A task whose worker is lost is done again, up to ``RETRIES`` times: the work is done at least once, so it must be
    one that can be repeated. Where the generator ends early, tasks that run end with the connection.

    Args:
        ray: Connected.
        work: A function of a module that the workers have too, or a ``partial`` of one.
        items: What it is done on.
        at_once: So many tasks are queued or running; what is done is not kept.
        num_gpus: Of one task, may be a fraction; each task takes one processor.
        lost: Makes the result of an item whose worker was lost each time, from why.

    Raises:
        InputError: The work raised it, or the cluster is gone.
    """
    options = {"num_cpus": 1, "num_gpus": num_gpus, "max_retries": RETRIES}
    task = ray.remote(**options)(_work)
    running: dict[Any, T] = {}
    left = list(reversed(items))
    while left or running:
        while left and len(running) < at_once:
            item = left.pop()
            running[task.remote(work, item)] = item
        for done in ray.wait(list(running), num_returns=1, timeout=_LOOK_S)[0] or _still_there(ray):
            item = running.pop(done)
            yield item, _result(ray, done, item, lost=lost)


def _work(work: Callable[[T], R], item: T) -> R:
    return work(item)


def _result(ray: ModuleType, done: Any, item: T, *, lost: Callable[[T, str], R]) -> R:
    try:
        result: R = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.LocalRayletDiedError as error:
        raise _gone(ray) from error
    except ray.exceptions.RayError as error:
        return lost(item, type(error).__name__)
    return result


def _still_there(ray: ModuleType) -> tuple[()]:
    """Nothing is done yet, and the cluster is there. Ray would end this process a minute after it lost its cluster."""
    if not _answers(ray.get_runtime_context().gcs_address):
        raise _gone(ray)
    return ()


def _gone(ray: ModuleType) -> InputError:
    where = f"the Ray cluster {ray.get_runtime_context().gcs_address}"
    return InputError(where, "is gone", "start it again; the same command then goes on from here")


def _connect(ray: ModuleType, *, num_cpus: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    given = os.environ.get("RAY_ADDRESS", "")
    address = _started_here() if given in {"", "auto"} else given
    if given == "auto" and not address:
        raise InputError("RAY_ADDRESS=auto", "no cluster runs on this machine", "ray start --head")
    if address not in {"", "local"} and (given or _answers(address)):  # one that was killed leaves word of itself
        try:
            _knock(address)
            ray.init(address=address, **quiet)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            what = f"cannot be reached ({' '.join(str(error).split())[:200]})"
            todo = "see that it runs (ray status), with this version of Ray and Python and the same token"
            raise InputError(f"the Ray cluster {address}", what, todo) from error
        return
    os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)  # otherwise Ray leaves one in the user's home
    ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, object_store_memory=_STORE_BYTES, **quiet)


def _started_here() -> str:
    """The address of the cluster that ``ray start`` left word of on this machine; empty where it did not."""
    file = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")  # noqa: S108  # as Ray does
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def _answers(address: str) -> bool:
    try:
        _knock(address)
    except OSError:
        return False
    return True


def _knock(address: str) -> None:
    """Refuse an address where nobody answers: Ray itself would try for ever.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
