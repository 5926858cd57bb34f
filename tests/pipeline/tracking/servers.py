"""Servers for one test: MLflow's own, and PostgreSQL below it where that is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_PATIENCE_S = 120.0  # the machine may be busy


@contextmanager
def tracking_server(backend: str, *, folder: Path) -> Iterator[str]:
    """An MLflow server with its runs in ``backend`` and its files in ``folder``, to which it alone has access."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", backend, "--workers", "1"]
    command += ["--artifacts-destination", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with _process(command, log=folder.with_suffix(".log")) as is_running:
        _wait(lambda: is_running() and _answers(f"{url}/health"))
        yield url


def no_postgres() -> str:
    """Why no PostgreSQL can be started here; empty where it can."""
    missing = [name for name in ("initdb", "postgres", "pg_isready") if shutil.which(name) is None]
    if missing:
        return f"PostgreSQL is not installed: there is no {', '.join(missing)}"
    return "" if find_spec("psycopg") else "PostgreSQL's driver psycopg is not installed"


@contextmanager
def postgres() -> Iterator[str]:
    """The URI of a new PostgreSQL database."""
    root = os.geteuid() == 0
    as_user = {"user": "nobody", "extra_groups": ()} if root else {}  # PostgreSQL refuses to run as root
    with tempfile.TemporaryDirectory(prefix="headway-postgres-", ignore_cleanup_errors=True) as name:
        if root:
            shutil.chown(name, "nobody")
        data, port = f"{name}/data", str(_free_port())
        make = ["initdb", "-D", data, "-U", "headway", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=name, **as_user)
        command = ["postgres", "-D", data, "-p", port, "-k", name, "-c", "listen_addresses=127.0.0.1", "-F"]
        ready = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        with _process(command, log=Path(name) / "log", cwd=name, **as_user) as is_running:
            _wait(lambda: is_running() and subprocess.run(ready, check=False).returncode == 0)
            yield f"postgresql+psycopg://headway@127.0.0.1:{port}/postgres"


@contextmanager
def _process(command: list[str], *, log: Path, **options: object) -> Iterator[Callable[[], bool]]:
    """A process that runs in the background, with its children; yields what tells that it runs, or fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)

        def is_running() -> bool:
            assert process.poll() is None, log.read_text()
            return True

        try:
            yield is_running
        finally:
            process.send_signal(signal.SIGINT)  # PostgreSQL then waits for no client
            process.wait(timeout=60)


def _wait(is_ready: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not is_ready():
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]
