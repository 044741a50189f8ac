"""What happens in which draw: shares, sizes and days as stated, one stream an event."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.distribution.mixture import mix
from forecast.distribution.shocks import event_levels, shared_levels, shifts
from forecast.events.course import course
from forecast.types import QUANTILES, EventPart, OpenEvent

PERIODS = pd.period_range("2026-08", periods=12, freq="M")
ORIGIN = pd.Period("2026-07", "M")


def event(name: str, **changes: object) -> OpenEvent:
    values: dict[str, object] = {
        "event_id": name,
        "title": name,
        "event_type": "threat",
        "state": "pending",
        "probability": 0.3,
        "starts": ((date(2026, 10, 1), 1.0),),
        "shape": "step",
        "months": None,
        "dof": 4.0,
        "limit": 3.0,
        "parts": (EventPart(mean=0.2, below=0.1, above=0.1, origin=ORIGIN),),
    }
    return OpenEvent(**{**values, **changes})  # type: ignore[arg-type]


def test_an_event_happens_in_its_share_of_draws_and_the_stream_is_its_own() -> None:
    levels = shared_levels(["a", "b"], 1000, 0)
    assert (levels["a"][0] < 0.3).sum() == 300
    np.testing.assert_array_equal(levels["a"], event_levels("a", 1000, 0))
    assert abs(np.corrcoef(levels["a"][0], levels["b"][0])[0, 1]) < 0.1
    assert abs(np.corrcoef(levels["a"])[0, 1]) < 0.1
    assert (event_levels("a", 1000, 1)[0] != levels["a"][0]).any()


def test_draws_have_the_distribution_of_the_mixture() -> None:
    events = [event("a"), event("b", probability=0.7, months=3.0, shape="decaying_step")]
    paths = [course(e, PERIODS) for e in events]
    found = shifts(paths, [0.3, 0.7], shared_levels(["a", "b"], 20_000, 0))
    flat = np.zeros((12, 21))
    exact = mix(flat, paths, [0.3, 0.7])
    np.testing.assert_allclose(np.quantile(found[:, 8], QUANTILES), exact[8], atol=0.01)
    assert not found[:, :2].any()


def test_a_course_adds_parts_from_their_origins() -> None:
    """The premium counts only from the quote that it stands on; sizes of independent parts add in squares."""
    china = EventPart(mean=0.2, below=0.3, above=0.3, origin=ORIGIN)
    premium = EventPart(mean=0.1, below=0.4, above=0.4, origin=pd.Period("2026-11", "M"))
    started = ((date(2026, 9, 1), 1.0),)
    found = course(event("a", starts=started, parts=(china,)), PERIODS)
    np.testing.assert_allclose(found.location[0], [0.0] + [0.2] * 11)
    both = course(event("a", starts=started, parts=(china, premium)), PERIODS)
    np.testing.assert_allclose(both.location[0], found.location[0])
    later = course(event("a", starts=((date(2027, 1, 1), 1.0),), parts=(china, premium)), PERIODS)
    assert later.location[0, -1] == pytest.approx(0.3)
    assert later.above[0, -1] == pytest.approx(0.5)


def test_a_fading_event_takes_back_what_it_gave() -> None:
    """Seen after its start, a decaying step moves the other way: its large sizes take back the most."""
    old = event("a", starts=((date(2026, 6, 1), 1.0),), shape="decaying_step", months=2.0)
    found = course(old, PERIODS)
    assert (found.location < 0).all()
    assert (found.above < 0).all()
    draws = shifts([found], [1.0], shared_levels(["a"], 2000, 0))[:, -1]
    exact = mix(np.zeros((12, 21)), [found], [1.0])[-1]
    np.testing.assert_allclose(np.quantile(draws, QUANTILES), exact, atol=0.01)


def test_days_of_start_come_in_their_shares() -> None:
    spread = event("a", starts=((date(2026, 9, 1), 0.25), (date(2026, 12, 1), 0.75)), probability=1.0)
    assert course(spread, PERIODS).moved.tolist() == [False] + [True] * 11
    draws = shifts([course(spread, PERIODS)], [1.0], shared_levels(["a"], 1000, 0))
    assert (draws[:, 1] != 0).mean() == pytest.approx(0.25)
    assert (draws[:, 5] != 0).all()
