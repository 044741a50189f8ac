"""Bases of every schema, and the problem document."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def storable(text: str) -> str:
    """Refuse what a database cannot keep: zero bytes, and halves of a character (lone surrogates)."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("text without zero bytes and lone surrogates")
    return text


def iso_day(found: object) -> object:
    """Refuse what is not a day in ISO form: numbers would be read as seconds since 1970."""
    if isinstance(found, date):
        return found
    try:
        return date.fromisoformat(found if isinstance(found, str) else "")
    except ValueError:
        raise ValueError("a day in ISO form, such as 2027-02-01") from None


def aware_instant(found: object) -> object:
    """Refuse what is not an instant with a zone in ISO form: numbers would be read as seconds since 1970."""
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found.astimezone(UTC)
    try:
        made = datetime.fromisoformat(found if isinstance(found, str) else "")
        if made.tzinfo is not None:
            return made.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("an instant with a zone in ISO form, such as 2027-02-01T08:00:00Z")


#: Text that either database can keep.
Text = Annotated[str, AfterValidator(storable)]
Day = Annotated[date, BeforeValidator(iso_day)]
#: An aware instant, in UTC.
Moment = Annotated[datetime, BeforeValidator(aware_instant)]
#: Numbers of a body: neither true nor false, nor a text.
Number = Annotated[float, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]


class Out(BaseModel):
    """Base of everything sent: read from our dataclasses by attribute."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class In(BaseModel):
    """Base of everything received: an unknown field is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemItem(Out):
    """One refused value."""

    model_config = ConfigDict(extra="allow", frozen=True)

    field: str | None = Field(default=None, description="Name of the field, parameter or column")
    found: str | int | float | bool | None = Field(default=None, description="What was sent")
    allowed: str | None = Field(default=None, description="What would have been taken")


class Problem(ProblemItem):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:ytterby:problem:refused",
                "title": "A value was refused",
                "status": 422,
                "detail": "horizon: found 60; allowed: 1 to 18, the months stored with this forecast",
                "field": "horizon",
                "found": 60,
                "allowed": "1 to 18, the months stored with this forecast",
            }
        },
    )

    type: str = Field(description="urn:ytterby:problem:<kind>; docs/api.md lists them")
    title: str
    status: int
    detail: str = Field(description="One sentence: what was found, what is allowed")
    errors: list[ProblemItem] | None = Field(
        default=None, description="All refused values, when there are several"
    )


class BasisOut(Out):
    """What a price is a price of."""

    currency: str = Field(examples=["CNY"])
    unit: str = Field(examples=["kg"])
    tax: str = Field(
        description="incl-vat (Chinese VAT at the rate of the date) or ex-vat", examples=["incl-vat"]
    )
