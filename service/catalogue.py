"""Use cases about series: the catalogue, how fresh each series is, quotes as they were known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from data.freshness import Freshness, freshness
from data.reference.load import has_reference
from data.store import forecasts, prices
from data.store.migrate import schema_state
from data.types import Quote, Series
from service.answers import NOTICE, BasisAnswer, LastQuote, SeriesAnswer
from service.context import Context
from service.refusals import NotKnown, NotYet, TooLarge
from service.version import VERSION

_ONE_DAY = timedelta(days=1)
#: Series of a source that are looked at to tell whether it still speaks.
MOST_OF_A_FEED = 50
#: Flat forms. Quotes have the names of the import form, so that what is read out can be sent back.
QUOTE_COLUMNS = (
    "unique_id",
    "ds",
    "y",
    "low",
    "high",
    "kind",
    "available_on",
    "recorded_at",
    "source",
    "n_quotes",
    "note",
)
SERIES_COLUMNS = (
    "series_id",
    "title",
    "element",
    "form",
    "purity",
    "market",
    "currency",
    "unit",
    "tax_basis",
    "frequency",
    "base_series",
    "n_quotes",
    "first_on",
    "last_on",
    "last_value",
    "age_days",
    "forecast_issued_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationsAnswer:
    """Quotes of one series as they were known."""

    series_id: str
    basis: BasisAnswer
    as_of: date | None
    recorded_by: datetime | None
    observations: tuple[Quote, ...]
    notice: str | None


def find(conn: Connection, series_id: str) -> Series:
    """The catalogue entry. Raises NotKnown naming the ids there are."""
    found = prices.get_series(conn, series_id)
    if found is None:
        known = (
            ", ".join(s.series_id for s in prices.list_series(conn))
            or "none yet (ytterby data load-reference)"
        )
        raise NotKnown("series_id", series_id, f"one of {known}")
    return found


def no_forecast(conn: Connection, series_id: str, found: str = "none") -> NotYet:
    """Why a series has no forecast: none was made yet, or none will be, as its figures are annual."""
    quotes = prices.load(conn, [series_id])
    if quotes and all(quote.kind == "annual" for quote in quotes):
        wanted = "a series with monthly or dated quotes"
        return NotYet("forecast", f"none of {series_id}, from annual figures alone", wanted)
    return NotYet("forecast", found, "a stored one: POST /v1/training-runs, or ytterby train")


def own_basis(series: Series) -> BasisAnswer:
    """The basis that a series is quoted in."""
    return BasisAnswer(currency=series.currency, unit=series.unit, tax=series.tax_basis)


def last_quote(quotes: Sequence[Quote], today: date) -> LastQuote | None:
    """The newest of these quotes with its age."""
    if not quotes:
        return None
    newest = max(quotes, key=day_of)
    return LastQuote(
        ds=newest.ds,
        value=newest.value,
        kind=newest.kind,
        source=newest.source,
        available_on=newest.available_on,
        age_days=(today - day_of(newest)).days,
    )


def day_of(quote: Quote) -> date:
    """Day that a quote speaks of: the last one of the month, or of the year, for a mean."""
    match quote.kind:
        case "monthly-mean":
            return date(quote.ds.year + quote.ds.month // 12, quote.ds.month % 12 + 1, 1) - _ONE_DAY
        case "annual":
            return date(quote.ds.year, 12, 31)
        case _:
            return quote.ds


def list_series(context: Context) -> tuple[SeriesAnswer, ...]:
    """The whole catalogue, by id."""
    with context.engine.connect() as conn:
        issued = forecasts.latest_issued_at(conn)
        return tuple(_answer(conn, s, issued, context) for s in prices.list_series(conn))


def get_series(context: Context, series_id: str) -> SeriesAnswer:
    """One series."""
    with context.engine.connect() as conn:
        found = _answer(conn, find(conn, series_id), forecasts.latest_issued_at(conn), context)
        return replace(found, freshness=_freshness(conn, found, context.clock.today()))


def _freshness(conn: Connection, found: SeriesAnswer, today: date) -> Freshness:
    """How it stands, beside the other series of the source that gave its newest quote."""
    feed: dict[str, list[Quote]] = {}
    if found.last_quote is not None:
        source = found.last_quote.source
        others = [name for name in prices.fed_by(conn, source) if name != found.series_id]
        for quote in prices.load(conn, others[:MOST_OF_A_FEED], source=source):
            feed.setdefault(quote.series_id, []).append(quote)
    return freshness(prices.history(conn, found.series_id), feed, today)


def _answer(
    conn: Connection, series: Series, issued: Mapping[str, datetime], context: Context
) -> SeriesAnswer:
    quotes = prices.load(conn, [series.series_id])
    return SeriesAnswer(
        series_id=series.series_id,
        title=series.title,
        element=series.element,
        form=series.form,
        purity=series.purity,
        market=series.market,
        currency=series.currency,
        unit=series.unit,
        tax_basis=series.tax_basis,
        frequency=series.frequency,
        base_series=series.base_series,
        provenance=series.provenance,
        licence_note=series.licence_note,
        n_quotes=len(quotes),
        first_on=min((q.ds for q in quotes), default=None),
        last_quote=last_quote(quotes, context.clock.today()),
        forecast_issued_at=issued.get(series.series_id),
    )


def observations(
    context: Context,
    series_id: str,
    *,
    as_of: date | None = None,
    recorded_by: datetime | None = None,
    start: date | None = None,
    end: date | None = None,
) -> ObservationsAnswer:
    """Quotes of one series, oldest first: the newest vintage of each that was known by these bounds."""
    with context.engine.connect() as conn:
        series = find(conn, series_id)
        quotes = prices.load(conn, [series_id], as_of=as_of, recorded_by=recorded_by)
        said = notice_on(conn)
    kept = [q for q in quotes if (start is None or q.ds >= start) and (end is None or q.ds <= end)]
    limit = context.settings.max_rows
    if len(kept) > limit:
        raise TooLarge("observations", f"{len(kept)} rows", f"at most {limit}; narrow start and end")
    return ObservationsAnswer(
        series_id=series_id,
        basis=own_basis(series),
        as_of=as_of,
        recorded_by=recorded_by,
        observations=tuple(sorted(kept, key=lambda q: (q.ds, q.kind))),
        notice=said,
    )


def flat_quotes(answer: ObservationsAnswer) -> Iterator[dict[str, object]]:
    """One mapping per quote: the CSV form, which can be sent back as it is."""
    for quote in answer.observations:
        row = asdict(quote)
        yield row | {"unique_id": row["series_id"], "y": row["value"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What `/readyz` says when all is well."""

    status: str = "ok"
    version: str
    schema_version: str
    series: int
    series_with_forecast: int
    notice: str | None


def readiness(context: Context) -> Readiness:
    """Raises NotYet when the schema is not that of this version."""
    state = schema_state(context.engine)
    if not state.current:
        raise NotYet("schema", state.revision or "none", f"{state.head}: run ytterby migrate")
    with context.engine.connect() as conn:
        known = prices.list_series(conn)
        issued = forecasts.latest_issued_at(conn)
        return Readiness(
            version=VERSION,
            schema_version=state.head,
            series=len(known),
            series_with_forecast=len(issued),
            notice=notice_on(conn),
        )


def flat_series(found: Iterable[SeriesAnswer]) -> Iterator[dict[str, object]]:
    """One mapping per series: the CSV form."""
    for item in found:
        last = item.last_quote
        own = {name: getattr(item, name) for name in SERIES_COLUMNS if hasattr(item, name)}
        newest = (
            {} if last is None else {"last_on": last.ds, "last_value": last.value, "age_days": last.age_days}
        )
        yield own | newest


def notice_on(conn: Connection) -> str | None:
    """The terms of the demonstration data while any of it is stored."""
    return NOTICE if has_reference(conn) else None


def notice(context: Context) -> str | None:
    """The same, for those without a connection."""
    with context.engine.connect() as conn:
        return notice_on(conn)
