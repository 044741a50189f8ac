"""Query parameters that several addresses share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query

from service.answers import ForecastQuery
from service.query import make_query
from service.refusals import Refusal

AsOf = Annotated[
    date | None,
    Query(description="As known at the end of this day (ISO 8601, UTC): what came later is hidden."),
]
OnDay = Annotated[
    date | None,
    Query(description="As it stood at the end of this day (ISO 8601, UTC). Default: now"),
]
RecordedBy = Annotated[
    datetime | None,
    Query(description="Only what was recorded here by this instant (with a zone): what could be said then."),
]


def aware(field: str, moment: datetime | None) -> datetime | None:
    """The instant in UTC; one without a zone is refused."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise Refusal(field, moment.isoformat(), "an instant with a zone, such as 2026-11-24T12:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Refusal(field, moment.isoformat(), "an instant that UTC can express") from None


def forecast_query(
    horizon: Annotated[
        int | None, Query(ge=1, description="Months after the issue date. Default: all stored")
    ] = None,
    quantiles: Annotated[
        str | None,
        Query(max_length=400, description="From 0.025 to 0.975, by commas. Not together with level"),
    ] = None,
    level: Annotated[
        str | None,
        Query(max_length=400, description="Central intervals in per cent, 1 to 95, by commas: 80,95"),
    ] = None,
    currency: Annotated[
        Literal["CNY", "EUR", "USD"] | None, Query(description="Default: the series' own")
    ] = None,
    unit: Annotated[Literal["kg", "tonne"] | None, Query(description="Default: the series' own")] = None,
    tax: Annotated[
        Literal["incl-vat", "ex-vat"] | None,
        Query(description="With or without Chinese VAT, at its rate of the date. Default: the series' own"),
    ] = None,
    as_of: AsOf = None,
) -> ForecastQuery:
    """The parameters of every forecast address."""
    return make_query(
        horizon=horizon,
        quantiles=quantiles,
        level=level,
        currency=currency,
        unit=unit,
        tax=tax,
        as_of=as_of,
    )


Asked = Annotated[ForecastQuery, Depends(forecast_query)]
