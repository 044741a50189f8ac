"""What pydantic refuses, as field, found and allowed in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Members of unions, which the library puts among the names of fields.
_INNER = re.compile(r"constrained-\w+|(list|dict|tuple)\[.*\]")
_KEY = "[key]"
_DAY = "a day in ISO form, such as 2027-02-01"
#: Its kinds of refusal, where its own words are not plain.
_WORDS: Mapping[str, str] = {
    "missing": "a value; it is required",
    "extra_forbidden": "only the fields that the API description lists",
    "json_invalid": "JSON ({error})",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a JSON object"),
    "list_type": "a JSON list",
    **dict.fromkeys(("string_type", "string_unicode"), "text"),
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text of the pattern {pattern}",
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DAY),
    "date_from_datetime_inexact": _DAY,
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}


def refused(item: Mapping[str, Any], leading: int = 0) -> tuple[str, object, str]:
    """One of the library's errors. leading: parts of its place that are no names of fields ("body")."""
    where = [str(part) for part in item["loc"] if not _INNER.fullmatch(str(part))]
    kind, context = item["type"], item.get("ctx", {})
    if where and where[-1] == _KEY:  # a key is refused: what was found, in the field that it is a key of
        where = where[:-2]
    field = ".".join(where[leading:]) or (where[0] if where else "body")
    said = str(item["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    allowed = _WORDS[kind].format(**context) if kind in _WORDS else said
    match kind:
        case "missing":
            return field, None, allowed
        case "extra_forbidden":
            return field, field, allowed
        case "json_invalid":
            return "body", "text that is not JSON", allowed
        case "too_short" | "too_long":
            return field, context["actual_length"], allowed
        case _:
            return field, item.get("input"), allowed
