"""A source of prices or rates as its operator describes it: where it is, how its files are written, what its
numbers are prices of. The value of a credential is never part of it, only the name of the variable that holds
it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from data.sources.csv_source import DELIMITERS
from data.units import CURRENCIES, KG_PER_UNIT, TAX_BASES
from forecast.errors import InputError

CSV, EXCEL, JSON, ECB = "csv", "xlsx", "json", "ecb-csv"
FORMATS = (CSV, EXCEL, JSON, ECB)
ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252", "gb18030")
#: Our columns that a file may give; what a source says of itself (unit, tax basis) is said once, not in each
#: row.
COLUMNS = ("unique_id", "ds", "y", "low", "high", "currency", "kind", "available_on", "n_quotes", "note")
BEARER, BASIC, HEADER = "bearer", "basic", "header"
#: Names of variables that a source may be given: no other secret of the process can be sent anywhere.
VARIABLE = re.compile(r"YTTERBY_SOURCE_[A-Z0-9_]{1,80}")
SOURCE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
#: Folders beside those of the sources, in the watched one.
RESERVED = ("done", "quarantined")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
#: What is said of a file with columns of its own, and of no other.
_WITH_COLUMNS = (
    "series", "currency", "unit", "tax_basis", "scale", "date_format", "decimal", "grouping",
)  # fmt: skip
_FORBIDDEN = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """variable: of the environment, YTTERBY_SOURCE_... use: "bearer", "basic" (its value is user:password) or
    "header", sent as it is under the name `header`."""

    variable: str
    use: str = BEARER
    header: str = ""

    def __post_init__(self) -> None:
        if not VARIABLE.fullmatch(self.variable):
            raise InputError("credential.variable", self.variable, "a name that begins with YTTERBY_SOURCE_")
        _one_of("credential.use", self.use, (BEARER, BASIC, HEADER))
        if self.use == HEADER:
            if not _HEADER_NAME.fullmatch(self.header) or self.header.lower() in _FORBIDDEN:
                raise InputError("credential.header", self.header, "the name of a header, such as X-Api-Key")
        elif self.header:
            raise InputError("credential.header", self.header, f"nothing, unless use is {HEADER}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """label: stands beside each of its quotes. url: None for files that are put into its folder.

    every_minutes: time between two pulls. columns: ours -> the file's; empty for a file in our own form.
    series: the file's names -> ours, rows of others are left out; or series_id: of every row. currency, unit,
    tax_basis: of its prices; None: those of the series. scale: what its numbers are multiplied with, such as
    10000 for prices in ten thousands. date_format: as strptime reads it, "" for ISO days. max_shrink: the
    largest share of rows that a file may have less than the one before, in [0, 1].
    """

    source_id: str
    label: str
    format: str
    url: str | None = None
    enabled: bool = True
    every_minutes: int = 720
    columns: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    series_id: str | None = None
    series: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    currency: str | None = None
    unit: str | None = None
    tax_basis: str | None = None
    scale: float = 1.0
    date_format: str = ""
    decimal: str = "."
    grouping: str = ""
    delimiter: str = ","
    encoding: str = "utf-8"
    header_line: int = 1
    sheet: str = ""
    rows_at: str = ""
    max_shrink: float = 0.2
    credential: Credential | None = None

    def __post_init__(self) -> None:
        if not SOURCE_ID.fullmatch(self.source_id) or self.source_id in RESERVED:
            allowed = f"1 to 60 small letters, digits and hyphens, but not {' or '.join(RESERVED)}"
            raise InputError("source_id", self.source_id, allowed)
        if not self.label.strip() or len(self.label) > 200:
            raise InputError("label", self.label, "a name of up to 200 characters")
        _one_of("format", self.format, FORMATS)
        _range("every_minutes", self.every_minutes, 5, 60 * 24 * 31)
        _range("max_shrink", self.max_shrink, 0, 1)
        if self.credential is not None and self.url is None:
            raise InputError("credential", self.credential.variable, "nothing for a source without a url")
        self._form()
        self._basis()
        self._columns()

    def _form(self) -> None:
        _one_of("encoding", self.encoding, ENCODINGS)
        _one_of("decimal", self.decimal, (".", ","))
        _one_of("grouping", self.grouping, ("", ",", ".", " ", "'"))
        _one_of("delimiter", self.delimiter, tuple(DELIMITERS))
        _range("header_line", self.header_line, 1, 1000)
        if self.grouping == self.decimal:
            raise InputError("grouping", self.grouping, "another character than the decimal one")
        others = {
            "sheet": (self.sheet, (EXCEL,)),
            "rows_at": (self.rows_at, (JSON,)),
            "date_format": (self.date_format, (CSV, EXCEL, JSON)),
        }
        for name, (found, allowed) in others.items():
            if found and self.format not in allowed:
                raise InputError(name, found, f"nothing, unless format is {' or '.join(allowed)}")
        if self.date_format and "%" not in self.date_format:
            raise InputError("date_format", self.date_format, "a form such as %d/%m/%Y")

    def _basis(self) -> None:
        for name, found, allowed in (
            ("currency", self.currency, CURRENCIES),
            ("unit", self.unit, tuple(KG_PER_UNIT)),
            ("tax_basis", self.tax_basis, TAX_BASES),
        ):
            if found is not None:
                _one_of(name, found, allowed)
        if not (math.isfinite(self.scale) and 1e-6 <= self.scale <= 1e6):
            raise InputError("scale", self.scale, "a number from 0.000001 to 1000000")

    def _columns(self) -> None:
        if self.format == ECB:
            for name in ("columns", "series", "series_id", "currency", "unit", "tax_basis"):
                if getattr(self, name):
                    raise InputError(name, getattr(self, name), f"nothing where format is {ECB}: it is known")
            return
        if not self.columns:
            for name in _WITH_COLUMNS:
                if getattr(self, name) not in (None, "", ".", 1.0, _EMPTY, {}):
                    raise InputError(name, getattr(self, name), "nothing, where columns is empty: the file "
                                     "is in our own form")  # fmt: skip
            return
        for name in self.columns:
            _one_of("columns", name, COLUMNS)
        if "ds" not in self.columns or not {"y", "low"} & set(self.columns):
            raise InputError("columns", ", ".join(self.columns), "ds, and y or low and high, among them")
        if (self.series_id is None) != ("unique_id" in self.columns):
            allowed = "series_id for a file of one series, or columns.unique_id for one of several"
            raise InputError("series_id", self.series_id, allowed)
        if self.series and self.series_id is not None:
            raise InputError("series", dict(self.series), "nothing beside series_id")


def _one_of(name: str, found: str, allowed: tuple[str, ...]) -> None:
    if found not in allowed:
        raise InputError(name, found, "one of " + ", ".join(repr(a) if len(a) < 2 else a for a in allowed))


def _range(name: str, found: float, low: float, high: float) -> None:
    if not low <= found <= high:
        raise InputError(name, found, f"{low:g} to {high:g}")
