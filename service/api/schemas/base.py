"""Bases of every schema, and the problem document."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def storable(text: str) -> str:
    """Refuse what PostgreSQL cannot keep."""
    if "\0" in text:
        raise ValueError("text without zero bytes")
    return text


#: Text that either database can keep.
Text = Annotated[str, AfterValidator(storable)]


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
