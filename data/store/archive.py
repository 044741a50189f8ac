"""Everything a database holds as one file, and back into an empty one, whichever of the two databases it is.

A zip of one member a table, one JSON list a line, and a manifest with the schema's revision and, for each
table, how many rows and which checksum. Tables are read and written as the database describes them and not
as this version does, so that an archive of an older schema can be restored and then brought up to date.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, func, insert, select, text

from forecast.errors import InputError

FORMAT = 1
MANIFEST = "manifest.json"
#: Alembic's own table: its content is the manifest's revision.
_VERSION = "alembic_version"
_BATCH = 500


def write(conn: Connection, file: BinaryIO, revision: str, stamp: Mapping[str, str]) -> dict[str, int]:
    """Write every table to `file`; table -> rows. `conn` must see one state throughout.

    revision: of the schema. stamp: what the manifest says beside it.
    """
    tables: dict[str, dict[str, Any]] = {}
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as out:
        for table in _tables(conn):
            seen, rows = hashlib.sha256(), 0
            with out.open(f"{table.name}.jsonl", "w", force_zip64=True) as member:
                for row in conn.execution_options(yield_per=_BATCH).execute(select(table)):
                    line = json.dumps([_plain(v) for v in row], ensure_ascii=False, allow_nan=False) + "\n"
                    member.write(line.encode())
                    seen.update(line.encode())
                    rows += 1
            columns = [c.name for c in table.columns]
            tables[table.name] = {"columns": columns, "rows": rows, "sha256": seen.hexdigest()}
        content = {"format": FORMAT, "revision": revision, "tables": tables, **stamp}
        out.writestr(MANIFEST, json.dumps(content, indent=1))
    return {name: about["rows"] for name, about in tables.items()}


def check(path: Path) -> dict[str, Any]:
    """The manifest of a whole archive. Raises InputError for a file that is none, or a damaged one."""
    try:
        with ZipFile(path) as file:
            manifest: dict[str, Any] = json.loads(file.read(MANIFEST))
            if manifest.get("format") != FORMAT:
                raise InputError("archive", f"format {manifest.get('format')}", f"format {FORMAT}")
            for name, about in manifest["tables"].items():
                seen = hashlib.sha256()
                with file.open(f"{name}.jsonl") as member:
                    while block := member.read(1 << 20):
                        seen.update(block)
                if seen.hexdigest() != about["sha256"]:
                    raise InputError("archive", f"another content of {name}", "what its manifest says")
    except (BadZipFile, zlib.error, KeyError, ValueError, OSError, EOFError) as error:
        said = f"{path.name} ({type(error).__name__})"
        raise InputError("archive", said, "a whole file that ytterby backup wrote") from None
    return manifest


def read(conn: Connection, path: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Insert every row of a checked archive into the empty tables of its own revision; table -> rows.

    Raises InputError when a table holds rows already, or the tables are not those of the archive.
    """
    known = {table.name: table for table in _tables(conn)}
    if known.keys() != manifest["tables"].keys():
        other = sorted(known.keys() ^ manifest["tables"].keys())
        raise InputError("archive", f"other tables: {', '.join(other)}", "those of its revision")
    for name, table in known.items():
        if conn.execute(select(func.count()).select_from(table)).scalar_one():
            raise InputError("database", f"rows in {name}", "an empty database: nothing is overwritten")
    with ZipFile(path) as file:
        for name, table in known.items():
            about = manifest["tables"][name]
            with file.open(f"{name}.jsonl") as member:
                for batch in _batches(io.TextIOWrapper(member, "utf-8"), about["columns"], table):
                    conn.execute(insert(table), batch)
            if conn.dialect.name == "postgresql":
                _advance(conn, table)
    return {name: about["rows"] for name, about in manifest["tables"].items()}


def _tables(conn: Connection) -> list[Table]:
    """Tables as they are in the database, those first that others refer to."""
    found = MetaData()
    found.reflect(conn)
    for table in found.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)  # a missing value stays missing, not the JSON null
    return [table for table in found.sorted_tables if table.name != _VERSION]


def _batches(lines: io.TextIOWrapper, columns: list[str], table: Table) -> Iterator[list[dict[str, Any]]]:
    zoneless = [
        c.name
        for c in table.columns
        if isinstance(c.type, DateTime) and not c.type.timezone  # SQLite keeps UTC without saying so
    ]
    batch: list[dict[str, Any]] = []
    for line in lines:
        values = (_value(v) for v in json.loads(line))
        row = dict(zip(columns, values, strict=True))
        for name in zoneless:
            row[name] = row[name] and row[name].replace(tzinfo=None)
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _advance(conn: Connection, table: Table) -> None:
    """PostgreSQL counts ids by itself: the next one comes after the newest restored."""
    for column in table.primary_key.columns:
        where = {"table": f'"{table.name}"', "column": column.name}
        sequence = conn.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), where).scalar_one()
        newest = conn.execute(select(func.max(column))).scalar_one()
        if sequence is not None and newest is not None:
            conn.execute(text("SELECT setval(:sequence, :newest)"), {"sequence": sequence, "newest": newest})


def _plain(value: object) -> object:
    """A stored value as JSON; what JSON has no word for is a mapping with its kind."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            at = value if value.tzinfo else value.replace(tzinfo=UTC)
            return {"instant": at.astimezone(UTC).isoformat()}
        case date():
            return {"day": value.isoformat()}
        case bytes() | memoryview():
            return {"bytes": base64.b64encode(value).decode()}
        case _:
            return {"json": value}


def _value(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    ((kind, value),) = plain.items()
    match kind:
        case "instant":
            return datetime.fromisoformat(value)
        case "day":
            return date.fromisoformat(value)
        case "bytes":
            return base64.b64decode(value)
        case _:
            return value
