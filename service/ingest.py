"""Use case: take prices in. Read, judge every row, write in one transaction or only say what would happen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection

from data.sources.csv_source import read_csv
from data.sources.excel_source import read_excel
from data.sources.json_source import read_json
from data.sources.rows import BadRow, Limits, RawTable
from data.store import jobs, prices, signals
from data.types import AppendResult
from data.validate import Known, check
from service import catalogue
from service.context import Context
from service.refusals import RowsRefused, TooLarge, WrongShape

JSON, CSV = "application/json", "text/csv"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_READERS = {JSON: read_json, CSV: read_csv, EXCEL: read_excel}
MEDIA_TYPES = tuple(_READERS)
_SUFFIXES = {".csv": CSV, ".json": JSON, ".xlsx": EXCEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What came in, as it came. source: stands beside rows that name none."""

    media_type: str
    body: bytes
    source: str = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of the rows. preview: nothing was written."""

    added: int
    corrected: int
    unchanged: int
    refused: tuple[BadRow, ...]
    preview: bool


def read_file(path: Path, most: int) -> Content:
    """A file from this machine. Raises WrongShape for a suffix that is not read, TooLarge beyond `most`
    bytes, of which no more are read."""
    media_type = _SUFFIXES.get(path.suffix.lower())
    if media_type is None:
        raise WrongShape(path.suffix or path.name, list(_SUFFIXES))
    with path.open("rb") as file:
        body = file.read(most + 1)
    if len(body) > most:
        raise TooLarge("file", f"{path.stat().st_size} bytes", f"at most {most} bytes")
    return Content(media_type=media_type, body=body, source=f"file {path.name}"[:200])


def ingest(
    context: Context,
    content: Content,
    *,
    series_id: str | None = None,
    preview: bool = False,
    all_or_nothing: bool = False,
) -> Ingested:
    """Keep the good rows in one transaction and name the bad ones; with `all_or_nothing` a single bad row
    refuses them all. series_id: of rows that name none; rows that name another are refused.

    Raises NotKnown (series_id), RowsRefused (all_or_nothing), InputError (the file as a whole).
    """
    table = _READERS[content.media_type](content.body, limits(context))
    # Checked and written under one lock: what rows are judged by cannot change in between.
    with context.engine.begin() as conn:
        return keep(
            context,
            conn,
            table,
            source=content.source,
            series_id=series_id,
            preview=preview,
            all_or_nothing=all_or_nothing,
        )


def limits(context: Context) -> Limits:
    """Most bytes and rows of one file, by whichever way it comes."""
    return Limits(max_bytes=context.settings.max_body_bytes, max_rows=context.settings.max_rows)


def keep(
    context: Context,
    conn: Connection,
    table: RawTable,
    *,
    source: str,
    series_id: str | None = None,
    preview: bool = False,
    all_or_nothing: bool = False,
) -> Ingested:
    """The same for rows that are read already, in the caller's transaction. source: of rows that name
    none."""
    if series_id is not None:
        catalogue.find(conn, series_id)
    checked = check(storable(table), known(context, conn, series_id, source))
    if all_or_nothing and checked.refused:
        raise RowsRefused([asdict(bad) for bad in checked.refused])
    with conn.begin_nested() as trial:
        result: AppendResult = prices.append(conn, checked.quotes)
        if result.added or result.corrected:
            for name in sorted({quote.series_id for quote in checked.quotes}):
                signals.add(conn, kind="prices", subject=name, at=context.clock.now())
        if preview:
            trial.rollback()
        elif result.added or result.corrected:
            said = f"new prices: {result.added} added, {result.corrected} corrected"
            jobs.want(conn, jobs.RETRAIN, said, context.clock.now())
    return Ingested(
        added=result.added,
        corrected=result.corrected,
        unchanged=result.unchanged,
        refused=checked.refused,
        preview=preview,
    )


def storable(table: RawTable) -> RawTable:
    """Refuse rows with text that no database keeps: zero bytes, halves of characters; JSON may hold both."""
    kept, refused = [], list(table.refused)
    for row in table.rows:
        bad = next((c for c, v in row.cells.items() if isinstance(v, str) and not _is_text(v)), None)
        if bad is None:
            kept.append(row)
        else:
            reason = "characters that are no text; allowed: text without zero bytes and surrogates"
            refused.append(
                BadRow(line=row.line, column=bad, value=ascii(row.cells[bad])[:100], reason=reason)
            )
    return RawTable(rows=tuple(kept), refused=tuple(refused))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def known(context: Context, conn: Connection, series_id: str | None, source: str) -> Known:
    """What rows are judged by, as of now."""
    return Known(
        series={s.series_id: s for s in prices.list_series(conn)},
        quotes=prices.load(conn, None if series_id is None else [series_id]),
        today=context.clock.today(),
        recorded_at=context.clock.now(),
        default_series=series_id,
        default_source=source,
    )
