"""What a premium is made of, over the wire. Logs are natural."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from service.api.schemas.base import BasisOut, Out


class RangeOut(Out):
    """A figure at the mean of the log, and its central 90 % interval."""

    mean: float
    low: float
    high: float


class PartOut(Out):
    """One part of the premium, in logs, per cent and money."""

    name: str = Field(description="premium, base, controls, source_change, drift, or the id of a control")
    mean: float
    sd: float
    low: float = Field(description="5 % quantile of the joint posterior")
    high: float = Field(description="95 % quantile of the joint posterior")
    percent: RangeOut
    per_unit: RangeOut | None = Field(
        description="Money per unit of weight in the currency of `basis`; null on a day without a quote"
    )
    learned: float | None = Field(
        description="Share of the prior variance that the quotes removed; null for what is exactly nothing"
    )


class PartsAtOut(Out):
    """The decomposition on one day."""

    day: date
    assessor: str = Field(description="Whose quote the premium of that day speaks for")
    base_price: float | None = Field(description="Chinese price ex VAT in the currency of `basis`")
    multiple_incl_vat: RangeOut = Field(description="Price outside over the Chinese price incl. VAT")
    premium: PartOut
    parts: tuple[PartOut, ...] = Field(
        description="base, controls, source_change, drift; they sum to premium"
    )
    steps: tuple[PartOut, ...] = Field(description="Each control in force; they sum to controls")


class SourceChangeOut(Out):
    """Two neighbouring quotes of different sources."""

    was: str
    now: str
    last_on: date
    first_on: date
    move: float = Field(description="Of the measured log premium between the two quotes")
    part: PartOut = Field(description="What of it is booked as the difference between the two sources")
    jump: bool = Field(description="Is the move beyond two standard deviations of the two quotes?")
    told_apart: bool = Field(
        description="false: the quotes cannot tell the source from the market, the stated prior does"
    )


class PriorChangeOut(Out):
    """The last day's parts with one stated prior halved or doubled."""

    prior: str
    stated: float
    factor: float
    value: float
    log_evidence: float = Field(description="Of the quotes, less that under the stated priors")
    parts: dict[str, RangeOut]


class PremiumOut(Out):
    """What the premium of a series outside China over the Chinese price is made of, both ex VAT."""

    series_id: str
    title: str
    base_series: str
    basis: BasisOut
    issued_at: datetime
    known_at: date = Field(description="Nothing public after this day was used")
    run_id: int
    reference_day: date = Field(
        description="Eve of the first control; without one, the day of the first quote"
    )
    day: date = Field(description="Day of the last quote, which labels and sensitivity speak of")
    path: tuple[PartsAtOut, ...] = Field(description="Reference day, days of quotes; the last is the answer")
    labels: dict[str, str] = Field(description="Part -> from quotes, prior-led or none")
    sources: tuple[SourceChangeOut, ...]
    sensitivity: tuple[PriorChangeOut, ...]
    notes: tuple[str, ...]
    notice: str | None = Field(description="Terms of the demonstration data, when it stands behind this")
