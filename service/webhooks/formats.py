"""What a message looks like to its reader: Standard Webhooks, Slack, Microsoft Teams. Pure.

Whatever is to be told becomes valid JSON below a fixed size: what does not fit is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.webhooks.shorten import encode, fit, well_formed

#: A body is smaller than this.
LIMIT_BYTES = 20_000
_ENVELOPE = 300
#: Characters that Slack takes in one block, and less than Teams takes in a card at four bytes each.
_LONGEST_TITLE, _LONGEST_TEXT = 300, 2_500
_LONGEST_KIND = 60


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
    return encode(FORMATS[format](message))


def _standard(message: Message) -> dict[str, Any]:
    kind, at = well_formed(message.type)[:_LONGEST_KIND], _at(message)
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


def _at(message: Message) -> str:
    return message.at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters of a text for people, without control characters."""
    shown = "".join(sign for sign in well_formed(text) if sign == "\n" or sign.isprintable())
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
