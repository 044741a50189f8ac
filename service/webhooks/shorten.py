"""Data as JSON of a size that is known before: what does not fit is left out, and counted. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any

#: Bytes that a member of a mapping may have however many there are, as long as there is room at all.
_FLOOR = 64
#: Bytes below which a shortened value would say nothing.
_LEAST = 16
#: An element of a list has at most this share of its room, so that a long first one leaves some to others.
_ELEMENTS = 8
_COUNTER = "_left_out"
_COUNTED = len(',"":') + len(_COUNTER) + 10


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def fit(data: Mapping[Any, Any], limit: int) -> dict[str, Any]:
    """The data in JSON's own kinds, of at most `limit` bytes (>= 100).

    A list that lost its end is followed by how much it lost (`<name>_left_out`); a text that lost its end
    has an ellipsis; a mapping that lost members counts them in `left_out`. What is small stays whole.
    """
    plain: dict[str, Any] = _plain(data)
    return plain if _size(plain) <= limit else _mapping(plain, limit)


def _mapping(members: dict[str, Any], room: int) -> dict[str, Any]:
    """The smallest members whole; the room that is left is shared by the others."""
    left, waiting, dropped = room - 2 - _COUNTED, len(members), 0
    found: dict[str, Any] = {}
    for name in sorted(members, key=lambda name: _size(members[name])):
        value, named = members[name], _size(name) + 2
        share = min(max(left // waiting, _FLOOR), left)
        waiting -= 1
        kept = value
        if named + _size(value) > share:
            counter = _size(name) + _COUNTED if isinstance(value, list) else 0
            if share - named - counter < _LEAST:
                dropped += 1
                continue
            kept = _shorter(value, share - named - counter)
            if isinstance(value, list):
                lost = len(value) - len(kept)
                left -= counter
                found |= {name + _COUNTER: lost} if lost else {}
        found[name] = kept
        left -= named + _size(kept)
    order = [n for name in members for n in (name, name + _COUNTER) if n in found]
    whole = {name: found[name] for name in order}
    return whole | ({"left_out": dropped} if dropped else {})


def _list(values: list[Any], room: int) -> list[Any]:
    """The first elements, as many as there is room for."""
    each = room // min(len(values), _ELEMENTS) - 2
    left, found = room - 2, []
    for value in values:
        kept = value if _size(value) <= each else _shorter(value, each) if each >= _LEAST else None
        left -= _size(kept) + 1
        if left < 0 or (kept is None and value is not None):
            break
        found.append(kept)
    return found


def _shorter(value: Any, room: int) -> Any:
    """A part of a value that is larger than the room there is."""
    match value:
        case str():
            length = len(value) * (room - 5) // _size(value)
            while _size(value[:length]) > room - 3:
                length = length * 9 // 10
            return value[:length] + "…"
        case dict():
            return _mapping(value, room)
        case list():
            return _list(value, room)
        case _:
            return None


def _plain(value: Any) -> Any:
    """The value in JSON's own kinds. What is not finite has no number there and becomes null."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return well_formed(value)
        case Mapping():
            return {well_formed(str(key)): _plain(one) for key, one in value.items()}
        case bytes() | bytearray():
            return well_formed(repr(value))
        case Sequence() | set() | frozenset():
            return [_plain(one) for one in value]
        case date():
            return value.isoformat()
        case _:
            return well_formed(str(value))


def well_formed(text: str) -> str:
    """Text that UTF-8 can hold: half a pair of surrogates becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _size(value: object) -> int:
    return len(encode(value))
