"""Use case: what the premium of a series outside China is made of, as the stored forecast holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from data.store import forecasts as store
from data.store import prices
from service import catalogue
from service.answers import BasisAnswer
from service.context import Context
from service.query import end_of
from service.refusals import NotYet, Refusal

_RANGE = ("mean", "low", "high")
COLUMNS = (
    "unique_id",
    "day",
    "assessor",
    "part",
    "mean",
    "sd",
    "low",
    "high",
    *(f"percent_{name}" for name in _RANGE),
    *(f"per_unit_{name}" for name in _RANGE),
    "currency",
    "unit",
    "multiple_incl_vat",
    "learned",
    "label",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumAnswer:
    """The premium of one series over its Chinese one, in parts, as of one issued forecast.

    path: the decomposition on the reference day and on days of quotes after it; the last is the answer.
    labels: part -> "from quotes", "prior-led" or "none". sources: changes of source. sensitivity: the
    answer with one stated prior halved or doubled. Their fields are those of forecast.models.premium_parts.
    """

    series_id: str
    title: str
    base_series: str
    basis: BasisAnswer
    issued_at: datetime
    known_at: date
    run_id: int
    reference_day: date
    day: date
    path: tuple[Mapping[str, Any], ...]
    labels: Mapping[str, str]
    sources: tuple[Mapping[str, Any], ...]
    sensitivity: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    notice: str | None


def answer(context: Context, series_id: str, as_of: date | None = None) -> PremiumAnswer:
    """What the newest forecast (issued by the end of `as_of`) says of the premium of one series.

    Raises NotKnown (no such series), Refusal (a series that is not modelled as a premium), NotYet (no
    stored forecast holds it).
    """
    with context.engine.connect() as conn:
        series = catalogue.find(conn, series_id)
        if series.base_series is None:
            outside = [s.series_id for s in prices.list_series(conn) if s.base_series is not None]
            one_of = ", ".join(outside) or "none yet"
            raise Refusal(
                "series_id",
                series_id,
                f"a series outside China, which has a premium over one inside: {one_of}",
            )
        issued = store.latest(conn, series_id, issued_by=end_of(as_of))
        found = None if issued is None else issued.header["details"].get("premium_parts")
        if issued is None or found is None:
            when = "" if as_of is None else f" issued by {as_of}"
            raise NotYet("premium", f"none{when}", "a stored one: POST /v1/training-runs, or ytterby train")
        return PremiumAnswer(
            series_id=series_id,
            title=series.title,
            base_series=series.base_series,
            basis=catalogue.own_basis(series),
            issued_at=issued.issued_at,
            known_at=issued.known_at,
            run_id=issued.run_id,
            reference_day=date.fromisoformat(found["reference_day"]),
            day=date.fromisoformat(found["day"]),
            path=tuple(found["path"]),
            labels=found["labels"],
            sources=tuple(found["sources"]),
            sensitivity=tuple(found["sensitivity"]),
            notes=tuple(found["notes"]),
            notice=catalogue.notice_on(conn),
        )


def rows(at: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts of one day and their sum; where there are several controls, each after the sum of them."""
    parts = list(at["parts"])
    if len(at["steps"]) > 1:
        after = [part["name"] for part in parts].index("controls") + 1
        parts[after:after] = at["steps"]
    return [*parts, at["premium"]]


def flat_rows(found: PremiumAnswer) -> Iterator[dict[str, object]]:
    """One mapping a day and part: the CSV form. Labels stand on the last day, which they speak of."""
    for at in found.path:
        last = at is found.path[-1]
        for part in rows(at):
            spread = {
                f"{kind}_{name}": None if part[kind] is None else part[kind][name]
                for kind in ("percent", "per_unit")
                for name in _RANGE
            }
            yield {
                "unique_id": found.series_id,
                "day": at["day"],
                "assessor": at["assessor"],
                "part": part["name"],
                **{name: part[name] for name in ("mean", "sd", "low", "high", "learned")},
                **spread,
                "currency": found.basis.currency,
                "unit": found.basis.unit,
                "multiple_incl_vat": (at["multiple_incl_vat"]["mean"] if part["name"] == "premium" else None),
                "label": found.labels.get(part["name"]) if last else None,
            }
