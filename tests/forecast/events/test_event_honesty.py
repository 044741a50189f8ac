"""Honesty on prices that no event moved, and on events that are left out: the benchmark's parts, small."""

from __future__ import annotations

import numpy as np

from forecast.events.dummies import columns
from forecast.events.reading import read_events
from tests.forecast.events.honesty import leave_one_out, quiet_days, simulated_placebos
from tests.forecast.events.makers import history
from tests.forecast.events.planted import ELEMENTS, draw_truth, events_of, noise


def test_events_that_never_were_are_seldom_found() -> None:
    assert np.mean(simulated_placebos(30)) <= 0.1


def test_events_left_out_are_inside_what_the_others_predict() -> None:
    rng = np.random.default_rng(12)
    events = events_of(rng)
    walks = 7 + np.cumsum(noise(rng), axis=0)
    quiet = [history(e, np.exp(walks[:, s])) for s, e in enumerate(ELEMENTS)]
    readings = read_events(events, "cn", quiet[0].origin.end_time.date())
    dummies = columns(readings, quiet[0].periods)
    size = draw_truth(rng, readings)
    histories = [
        history(h.key.element or "", h.y * np.exp(dummies @ [r.weight(h.key.element) * t
                for r, t in zip(readings, size, strict=True)]))
        for h in quiet
    ]  # fmt: skip
    found = leave_one_out(histories, events)
    assert len({f.event_id for f in found}) >= 12
    assert np.mean([f.change_held for f in found]) >= 0.8
    assert np.mean([f.held for f in found]) >= 0.8
    assert all(f.low < f.mean < f.high for f in found)


def test_quiet_days_keep_their_distance() -> None:
    events = events_of(np.random.default_rng(3))
    flat = [history("Dy", np.ones(120))]
    days = quiet_days(flat, events)
    starts = [r.on for r in read_events(events, "cn", flat[0].origin.end_time.date())]
    assert days
    assert min(abs((d - s).days) for d in days for s in starts) > 31
