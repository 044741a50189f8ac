"""What the service refuses, in words. No status code here: those live in service/errors.py.

Refusal (an InputError: field, found, allowed)
├── NotKnown        a series, event or run that does not exist
├── NotYet          asked for something that is not there yet, and will be (no forecast stored)
├── NotAllowed      no key, or a key that does not reach
├── WrongShape      a body in a form that nothing here reads
├── TooLarge        a body, or an answer, beyond the stated limit
├── Outdated        a change to a version that is no longer the current one
├── Ended           a change to something that is over
├── VersionNeeded   a change that does not say which version it changes
└── RowsRefused     rows of an upload that cannot be kept, each with its reason
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from forecast.errors import InputError


class Refusal(InputError):
    """Root of what the service refuses on purpose. Days are said in ISO form, also inside lists and maps."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        super().__init__(field, _readable(found), allowed)


def _readable(found: object) -> object:
    if isinstance(found, date):
        return found.isoformat()
    if isinstance(found, Mapping):
        return {name: _readable(value) for name, value in found.items()}
    return [_readable(value) for value in found] if isinstance(found, list) else found


class NotKnown(Refusal):
    """Something that was asked for by name and does not exist."""

    def __init__(self, kind: str, found: object, allowed: str) -> None:
        self.kind = kind
        super().__init__(kind, found, allowed)


class NotYet(Refusal):
    """Something that will exist after a step the answer names."""


class NotAllowed(Refusal):
    """A call without a key, with an unknown key, or with a key of another scope."""

    def __init__(self, found: str, allowed: str, *, known: bool = False) -> None:
        self.known = known
        super().__init__("Authorization", found, allowed)


class WrongShape(Refusal):
    """A body of a media type that is not read here."""

    def __init__(self, found: str, allowed: Sequence[str]) -> None:
        super().__init__("Content-Type", found or "none", " or ".join(allowed))


class TooLarge(Refusal):
    """More than the limit."""


class Outdated(Refusal):
    """A change that was made from an older version than the stored one."""

    def __init__(self, found: object, current: int) -> None:
        super().__init__(
            "If-Match", found, f'"{current}", the version stored now: read it again, then change it'
        )


class Ended(Refusal):
    """Something that is over, so that nothing can be done about it."""


class VersionNeeded(Refusal):
    """A change without the version that it was made from."""

    def __init__(self) -> None:
        super().__init__("If-Match", "none", "the ETag that reading it gave")


class RowsRefused(Refusal):
    """An all-or-nothing upload with bad rows. `rows` holds one mapping per bad row."""

    def __init__(self, rows: Sequence[dict[str, object]]) -> None:
        self.rows = tuple(rows)
        super().__init__(
            "rows", f"{len(rows)} that cannot be kept", "rows as docs/api.md describes; nothing was kept"
        )
