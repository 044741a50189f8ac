"""JSON or CSV: what the caller asked for, by `format` or by `Accept`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Response

from service.tabular import csv_text

Format = Annotated[
    Literal["json", "csv"] | None,
    Query(description="Form of the answer; without it the Accept header decides, and JSON is the default."),
]


def wants_csv(
    format: Format = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> bool:
    """Does the caller want CSV? `format` wins over `Accept`."""
    if format is not None:
        return format == "csv"
    return _quality(accept or "", "text/csv") > _quality(accept or "", "application/json")


WantsCsv = Annotated[bool, Depends(wants_csv)]


def _quality(accept: str, media: str) -> float:
    """The q value that an Accept header gives to a media type named in it in full, 0 when absent."""
    for item in accept.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name.lower() == media:
            stated = [p.partition("=")[2] for p in parameters if p.lower().startswith("q=")]
            try:
                return float(stated[0]) if stated else 1.0
            except ValueError:
                return 0.0
    return 0.0


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Response:
    """CSV as a download called `name`.csv."""
    return Response(
        csv_text(columns, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"},
    )
