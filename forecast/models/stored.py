"""Fitted models as plain data and back: what is stored is parameters in JSON, never a pickle.

A fit is a frozen dataclass of numbers, texts, arrays, days, periods, tuples, mappings and such dataclasses.
Floats survive a round trip bit for bit, as JSON writes the shortest text that reads back the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.errors import InputError

_TAG = "$"  # no field of ours is called so


def to_plain(value: Any) -> Any:
    """JSON-ready form of a fit or a part of one. Raises InputError for what JSON could not give back."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float):
        if not np.isfinite(value):
            raise InputError("parameter", value, "a finite number")
        return value
    if isinstance(value, np.ndarray):
        return {_TAG: "array", "dtype": value.dtype.str, "shape": list(value.shape), "values": _listed(value)}
    if isinstance(value, date):
        return {_TAG: "day", "on": value.isoformat()}
    if isinstance(value, pd.Period):
        return {_TAG: "period", "ordinal": value.ordinal, "freq": value.freqstr}
    if isinstance(value, tuple):
        return {_TAG: "tuple", "items": [to_plain(v) for v in value]}
    if isinstance(value, Mapping):
        return {_TAG: "map", "items": [[to_plain(k), to_plain(v)] for k, v in value.items()]}
    if is_dataclass(value):
        return {
            _TAG: type(value).__name__,
            **{f.name: to_plain(getattr(value, f.name)) for f in fields(value)},
        }
    raise InputError("parameter", type(value).__name__, "numbers, texts, arrays, periods, tuples, mappings")


def from_plain(plain: Any, types: Mapping[str, type]) -> Any:
    """The value behind its plain form. types: dataclasses by name. Raises InputError for an unknown one."""
    if not isinstance(plain, Mapping):
        return plain
    tag = plain[_TAG]
    if tag == "array":
        return np.array(plain["values"], dtype=plain["dtype"]).reshape(plain["shape"])
    if tag == "day":
        return date.fromisoformat(plain["on"])
    if tag == "period":
        return pd.Period(ordinal=plain["ordinal"], freq=plain["freq"])
    if tag == "tuple":
        return tuple(from_plain(v, types) for v in plain["items"])
    if tag == "map":
        return {from_plain(k, types): from_plain(v, types) for k, v in plain["items"]}
    if tag not in types:
        raise InputError("parameters", tag, "one of " + ", ".join(sorted(types)))
    return types[tag](**{k: from_plain(v, types) for k, v in plain.items() if k != _TAG})


def _listed(array: Any) -> list[Any]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        # JSON has no word for them; trees use NaN and infinity for "no threshold"
        return [v if np.isfinite(v) else repr(v) for v in array.ravel().tolist()]
    flat: list[Any] = array.ravel().tolist()
    return flat
