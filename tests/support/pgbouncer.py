"""A real PgBouncer in transaction mode before a real PostgreSQL, on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from sqlalchemy import URL

_START_SECONDS = 30.0
#: Fewer connections than the service opens: transactions of one client get now this one, now that one.
SERVER_CONNECTIONS = 3


@contextlib.contextmanager
def before(database: URL) -> Iterator[URL]:
    """URL of the pooler that leads to that database."""
    home = Path(tempfile.mkdtemp(prefix="ytterby-pool-"))
    where = dict(database.query) | {"port": str(database.port or 5432)}
    host = where.get("host", database.host)
    password = f" password={database.password}" if database.password else ""
    (home / "users").write_text(f'"{database.username}" "{database.password or ""}"\n')
    (home / "pgbouncer.ini").write_text(
        f"""[databases]
{database.database} = host={host} port={where["port"]} user={database.username}{password}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {home}
auth_type = any
auth_file = {home}/users
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
max_client_conn = 200
logfile = {home}/log
"""
    )
    owner: dict[str, int | list[int]] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        owner = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for path in (home, *home.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    program = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path=os.defpath + ":/usr/sbin")
    if program is None:
        raise RuntimeError("PgBouncer is missing: make test installs it, or set PGBOUNCER")
    command = [program, "-q", str(home / "pgbouncer.ini")]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home, **owner
    )  # type: ignore[call-overload]
    try:
        _wait(process, home, database)
        yield URL.create(
            "postgresql+psycopg",
            username=database.username,
            database=database.database,
            query={"host": str(home), "port": "6432"},
        )
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(home)


def _wait(process: subprocess.Popen[bytes], home: Path, database: URL) -> None:
    patience = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < patience and process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(
                host=str(home), port=6432, user=database.username, dbname=database.database, connect_timeout=2
            ).close()
            return
        time.sleep(0.05)
    log = home / "log"
    raise RuntimeError(f"PgBouncer did not start: {log.read_text() if log.exists() else 'no log'}")
