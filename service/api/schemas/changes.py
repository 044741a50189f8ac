"""Changes of a forecast over the wire."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from service.api.schemas.base import BasisOut, Out


class IssueOut(Out):
    """Which forecast: of one run."""

    run_id: int
    issued_at: datetime
    known_at: date


class ChangePartOut(Out):
    """One cause."""

    name: str = Field(description="new data, revised data, events, parameters or model choice, in this order")
    log: float = Field(description="Difference of two real forecasts in log median; parts sum to change_log")
    percent: float = Field(description="The factor it puts on the price; per cents multiply, they do not sum")


class ChangeRowOut(Out):
    """One month that both forecasts hold."""

    ds: date = Field(description="First day of the month")
    old_median: float
    new_median: float
    change_log: float
    change_percent: float
    parts: tuple[ChangePartOut, ...]


class ChangesOut(Out):
    """Why one forecast is not the other, in the basis of the series."""

    series_id: str
    title: str
    basis: BasisOut
    older: IssueOut
    newer: IssueOut
    rows: tuple[ChangeRowOut, ...]
    notice: str | None
