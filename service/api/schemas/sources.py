"""Sources, what their pulls came to, and files that were kept apart, over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import In, Number, Out, Text, Whole

Short = Annotated[Text, Field(max_length=200)]
Outcome = Literal["taken", "unchanged", "quarantined", "failed"]
HeldState = Literal["held", "accepted", "dismissed", "dropped"]


class CredentialIn(In):
    """What a source is asked with. Its value stands in the environment alone, and is never stored or
    shown."""

    variable: str = Field(
        max_length=100, description="Environment variable that holds it; its name begins with YTTERBY_SOURCE_"
    )
    use: Literal["bearer", "basic", "header"] = Field(
        default="bearer", description="basic: the value is user:password; header: it is sent as it is"
    )
    header: str = Field(default="", max_length=60, description="Name of the header, where use is header")


class SourceBody(In):
    """Where a source is, how its files are written, and what its numbers are prices of."""

    label: Short = Field(description="Stands beside each of its quotes, such as the price desk's name")
    format: Literal["csv", "xlsx", "json", "ecb-csv"] = Field(
        description="ecb-csv: exchange rates in the shape of the European Central Bank"
    )
    url: Annotated[Text, Field(max_length=2000)] | None = Field(
        default=None, description="https address of its file; without one its files are put into its folder"
    )
    enabled: bool = Field(default=True, description="false: pulled by hand only")
    every_minutes: Whole = Field(default=720, ge=5, le=44640, description="Time between two pulls")
    columns: dict[Short, Short] = Field(
        default_factory=dict,
        max_length=20,
        description="Ours to the file's: ds, y (or low and high), unique_id, currency, kind, available_on, "
        "n_quotes, note. Empty: the file is in our own form",
    )
    series_id: Short | None = Field(default=None, description="Series of every row")
    series: dict[Short, Short] = Field(
        default_factory=dict,
        max_length=500,
        description="The file's names of series to ours; rows of others are left out",
    )
    currency: Literal["CNY", "EUR", "USD"] | None = Field(
        default=None, description="Of its prices; checked against the series, never converted"
    )
    unit: Literal["kg", "tonne"] | None = Field(
        default=None, description="Of its prices; default: the series'"
    )
    tax_basis: Literal["incl-vat", "ex-vat"] | None = Field(
        default=None, description="Checked as the currency"
    )
    scale: Number = Field(default=1.0, description="Its numbers are multiplied with it, 10000 for 万元")
    date_format: str = Field(default="", max_length=40, description="Such as %d/%m/%Y; empty: ISO 8601")
    decimal: Literal[".", ","] = "."
    grouping: Literal["", ",", ".", " ", "'"] = Field(default="", description="Between thousands")
    delimiter: Literal[",", ";", "\t"] = ","
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252", "gb18030"] = "utf-8"
    header_line: Whole = Field(default=1, ge=1, le=1000, description="Line that names the columns")
    sheet: Short = Field(default="", description="Of a workbook; empty: the first")
    rows_at: Short = Field(default="", description="Names that lead to the list of rows in JSON, by dots")
    max_shrink: Number = Field(
        default=0.2, ge=0, le=1, description="Share of rows that a file may have less than the one before"
    )
    credential: CredentialIn | None = None


class SourceIn(SourceBody):
    """A new source."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "source_id": "desk-weekly",
                "label": "Desk",
                "format": "csv",
                "url": "https://desk.example/weekly.csv",
                "columns": {"unique_id": "Symbol", "ds": "Date", "y": "Price"},
                "series": {"DYOX": "dy-oxide-cn"},
                "currency": "CNY",
                "unit": "tonne",
                "credential": {"variable": "YTTERBY_SOURCE_DESK"},
            }
        },
    )

    source_id: str = Field(
        max_length=60, description="Small letters, digits and hyphens; also its folder's name"
    )


class ResultOut(Out):
    """What one pull, or one file of the folder, came to."""

    at: datetime
    origin: str = Field(description="Address without its query, or name of the file")
    outcome: Outcome
    rows: int
    added: int
    corrected: int
    refused: int
    reason: str | None = Field(description="Why nothing was written, or what was left out")
    quarantine_id: int | None


class CredentialOut(Out):
    """Where the credential is, never what it is."""

    variable: str
    use: str
    header: str


class SourceOut(Out):
    """A source and how it stands."""

    source_id: str
    version: int = Field(description="Also the ETag")
    label: str
    format: str
    url: str | None
    enabled: bool
    every_minutes: int
    columns: dict[str, str]
    series_id: str | None
    series: dict[str, str]
    currency: str | None
    unit: str | None
    tax_basis: str | None
    scale: float
    date_format: str
    decimal: str
    grouping: str
    delimiter: str
    encoding: str
    header_line: int
    sheet: str
    rows_at: str
    max_shrink: float
    credential: CredentialOut | None
    changed_at: datetime
    author: str
    due_at: datetime | None = Field(description="Of the next pull; null: never by itself")
    failures: int = Field(description="Pulls in a row that brought nothing")
    results: list[ResultOut] = Field(description="Newest first: the last one in lists, else the last 20")


class SourceList(Out):
    """All sources."""

    sources: list[SourceOut]


class HeldOut(Out):
    """A file that was kept apart."""

    quarantine_id: int
    source_id: str | None = Field(description="Null: a file of no source, from the folder")
    origin: str
    at: datetime
    seen_at: datetime = Field(description="When the same bytes came last")
    seen: int
    format: str
    size: int = Field(description="Bytes")
    digest: str = Field(description="SHA-256")
    kind: Literal["html", "half", "unreadable", "columns", "rows", "basis"]
    reason: str
    state: HeldState = Field(description="dropped: newer files of its source took its place")
    decided_at: datetime | None
    decided_by: str | None


class HeldDetail(HeldOut):
    """The same with its beginning."""

    excerpt: str | None = Field(description="First 2,000 bytes as text; null for what is none, or is dropped")


class HeldList(Out):
    """Files that were kept apart, the newest first."""

    files: list[HeldOut]
