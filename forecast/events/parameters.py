"""What prices taught about events, apart from the events: stored, read back, and used with a newer list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from forecast.types import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectParameters:
    """The estimated part of the effects layer in one market; `effects_from` attaches it to events.

    Effects are in units of the prior: prior_means + prior_scales * v, a log effect at full strength.

    groups: names of the kinds of event that share strength, (g,). centres, spreads, dofs: (g,) Student-t
    of v for the next event of each. event_ids: those that prices speak of, (k,), with members (k,), the
    place of each one's group, and the prior_means and prior_scales (k,) that each was measured in.
    mean, covariance: posterior of the groups' centres and then of v, (g + k,). joint_with: per event, those
    too close in time to be told apart.
    """

    market: str
    groups: tuple[str, ...]
    centres: Array
    spreads: Array
    dofs: Array
    event_ids: tuple[str, ...]
    members: tuple[int, ...]
    prior_means: Array
    prior_scales: Array
    mean: Array
    covariance: Array
    joint_with: tuple[tuple[str, ...], ...]

    def content(self) -> dict[str, Any]:
        """JSON-ready: arrays and tuples as lists. JSON keeps every bit of a float."""
        out = {}
        for field in fields(self):
            value = getattr(self, field.name)
            out[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return out | {
            "groups": list(self.groups),
            "event_ids": list(self.event_ids),
            "members": list(self.members),
            "joint_with": [list(ids) for ids in self.joint_with],
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> EffectParameters:
        """The same parameters from what `content` gave."""
        arrays = ("centres", "spreads", "dofs", "prior_means", "prior_scales", "mean", "covariance")
        return cls(
            market=content["market"],
            groups=tuple(content["groups"]),
            event_ids=tuple(content["event_ids"]),
            members=tuple(content["members"]),
            joint_with=tuple(tuple(ids) for ids in content["joint_with"]),
            **{name: np.array(content[name], dtype=np.float64) for name in arrays},
        )
