"""What a message looks like to its reader: Standard Webhooks, Slack, Microsoft Teams. Pure.

Whatever is to be told becomes valid JSON below a fixed size: what does not fit is left out, and counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

#: A body is smaller than this.
LIMIT_BYTES = 20_000
_ENVELOPE = 300
#: Characters that Slack takes in one block, and less than Teams takes in a card at four bytes each.
_LONGEST_TITLE, _LONGEST_TEXT = 300, 2_500
#: A value of fewer bytes is not worth shortening: leaving it out is clearer.
_SHORT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """type: "alert.firing", "series.stale" ... at: when what it tells of happened (aware). title, text: for
    people. data: for machines; anything that has a JSON form."""

    type: str
    at: datetime
    title: str
    text: str
    data: Mapping[str, Any]


def render(format: str, message: Message) -> bytes:
    """The body in a format of FORMATS: UTF-8, valid JSON, smaller than LIMIT_BYTES."""
    return _encode(FORMATS[format](message))


def _standard(message: Message) -> dict[str, Any]:
    kind, at = _text(message.type)[:_SHORT], _at(message)
    return {"type": kind, "timestamp": at, "data": fit(message.data, LIMIT_BYTES - _ENVELOPE)}


def _slack(message: Message) -> dict[str, Any]:
    title, text = _slack_text(message.title, _LONGEST_TITLE), _slack_text(message.text, _LONGEST_TEXT)
    said = f"*{title}*\n{text}" if text else f"*{title}*"
    about = _slack_text(f"{message.type} · {_at(message)}", _LONGEST_TITLE)
    return {
        "text": title,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": said}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": about}]},
        ],
    }


def _teams(message: Message) -> dict[str, Any]:
    # Text runs, since a TextBlock reads Markdown: a name could hide where a link leads.
    def block(text: str, limit: int, **style: object) -> dict[str, Any]:
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _cut(text, limit), **style}]}

    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            block(message.title, _LONGEST_TITLE, weight="Bolder", size="Medium"),
            *([block(message.text, _LONGEST_TEXT)] if message.text else []),
            block(f"{message.type} · {_at(message)}", _LONGEST_TITLE, isSubtle=True, size="Small"),
        ],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


#: Format -> how a message is laid out. Only the first is signed: the others know their sender by their URL.
FORMATS: Mapping[str, Callable[[Message], dict[str, Any]]] = {
    "standard": _standard,
    "slack": _slack,
    "teams": _teams,
}
SIGNED = ("standard",)


def fit(data: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """The data as JSON of at most `limit` bytes. A list that lost its end is followed by how much it lost
    (`<name>_left_out`); a text ends in an ellipsis; a mapping without some members counts them in `left_out`.
    """
    found: dict[str, Any] = _plain(data)
    while _size(found) > limit:
        found = _smaller(found)
    return found


def _smaller(mapping: dict[str, Any]) -> dict[str, Any]:
    """The same with about half of its largest part."""
    name = max(mapping, key=lambda key: _size(mapping[key]))
    part = mapping[name]
    if _size(part) < _SHORT:  # many small ones
        counted = mapping.get("left_out", 0)
        names = [key for key in mapping if key != "left_out"]
        kept = names[: len(names) // 2]
        return {key: mapping[key] for key in kept} | {"left_out": counted + len(names) - len(kept)}
    if isinstance(part, list) and not _is_mostly_one(part):
        kept, counter = part[: len(part) // 2], f"{name}_left_out"
        return {**mapping, name: kept, counter: mapping.get(counter, 0) + len(part) - len(kept)}
    return {**mapping, name: _halved(part)}


def _halved(value: Any) -> Any:
    match value:
        case str():
            return value[: len(value) // 2] + "…" if len(value) > _SHORT // 4 else ""
        case dict():
            return _smaller(value)
        case list() if _is_mostly_one(value):
            largest = max(range(len(value)), key=lambda at: _size(value[at]))
            return [_halved(one) if at == largest else one for at, one in enumerate(value)]
        case list():
            return value[: len(value) // 2]
        case _:
            return None


def _is_mostly_one(values: list[Any]) -> bool:
    """Would leaving out half of a list help less than shortening its largest element?"""
    largest = max(_size(one) for one in values)
    return largest >= _SHORT and 2 * largest > _size(values)


def _plain(value: Any) -> Any:
    """The value in JSON's own kinds. What is not finite has no number there and becomes null."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str() if not isinstance(value, Enum):
            return _text(value)
        case Mapping():
            return {_text(str(key)): _plain(one) for key, one in value.items()}
        case Sequence() | set() | frozenset() if not isinstance(value, bytes | str):
            return [_plain(one) for one in value]
        case date():
            return value.isoformat()
        case Enum():
            return _plain(value.value)
        case _:
            return _text(str(value))


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _size(value: object) -> int:
    return len(_encode(value))


def _at(message: Message) -> str:
    return message.at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(text: str) -> str:
    """Text that UTF-8 can hold: half a pair of surrogates becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters of a text for people, without control characters."""
    shown = "".join(sign for sign in _text(text) if sign == "\n" or sign.isprintable())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _slack_text(text: str, limit: int) -> str:
    """Text for Slack, which reads three signs as its own: no link, mention or channel can be smuggled in."""
    room, out = limit, list[str]()
    for sign in _cut(text, limit):
        shown = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(sign, sign)
        room -= len(shown)
        if room < 1:
            return "".join(out) + "…"
        out.append(shown)
    return "".join(out)
