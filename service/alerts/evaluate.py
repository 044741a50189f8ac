"""Use case: judge what is waiting in the inbox. Read and judge without a lock, then keep it all or nothing.

The writing transaction removes exactly the signals and writes over exactly the states that were read. If
another worker did any of it meanwhile, nothing is kept and it is read again: so two workers never tell a
thing twice, and a worker that dies loses nothing.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from data.store import alerts as store
from data.store import endpoints, events, rules, signals, silences
from data.store.alerts import Alert
from data.store.rules import StoredRule
from data.store.signals import Signal
from service import logs
from service.alerts import chances, degraded, messages, observe
from service.alerts.judge import Age, Judged, disable, fresh, judge, judge_event, silenced, since
from service.alerts.observe import Prices
from service.alerts.reading import rule_of
from service.alerts.rules import BY_NAME, DEGRADED, Rule
from service.alerts.state import Observation
from service.context import Context
from service.webhooks import outbox

#: Signals judged in one go, and how often one goes to the start because of others before it is left to them.
MOST, TRIES = 1000, 20
_ON_PRICES = frozenset(k.name for k in BY_NAME.values() if k.judged_on == "prices")
_ON_FORECASTS = frozenset(k.name for k in BY_NAME.values() if k.judged_on == "forecast")


class _Overtaken(Exception):
    """Another worker changed what was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """How many signals were judged, alerts looked at, and things told (each to its endpoints)."""

    signals: int = 0
    alerts: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one reading came to."""

    signals: Sequence[Signal]
    judged: Sequence[Judged]


def evaluate(context: Context, *, limit: int = MOST, remind: bool = True) -> Evaluated:
    """Judge the oldest signals, at most `limit`, and what time alone has made due (with `remind`)."""
    for _ in range(TRIES):
        with _uncollected():
            with context.engine.connect() as conn:
                found = _read(context, conn, limit, remind)
            if not found.signals and not any(j.changed or j.notices for j in found.judged):
                return Evaluated()
            try:
                told = _keep(context, found)
            except (_Overtaken, IntegrityError):
                continue
        return Evaluated(signals=len(found.signals), alerts=len(found.judged), told=told)
    logs.get("alerts").warning("other workers are always faster; it is left to them", tries=TRIES)
    return Evaluated()


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for rings of garbage meanwhile. Judging thousands of rules makes many small objects and no
    rings; looking through them again and again takes half as long as the judging itself."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(context: Context, conn: Connection, limit: int, remind: bool) -> _Found:
    waiting = signals.waiting(conn, limit)
    known = Prices(conn, context.clock.today())
    now = context.clock.now()
    asked = [rule_of(s) for s in _concerned(conn, waiting, known)]
    rules_by_id = {rule.rule_id: rule for rule in asked if rule.enabled}
    disabled = {rule.rule_id: rule for rule in asked if not rule.enabled}
    kept: dict[tuple[int, str], Alert] = {
        (a.rule_id, a.subject): a for a in store.of_rules(conn, rules_by_id)
    }
    observed = _observe(context, conn, rules_by_id.values(), kept, known)
    quiet = silences.active(conn, now)
    judged = [
        judge(
            rule,
            kept.get((rule.rule_id, rule.subject)) or fresh(rule, rule.subject),
            observed.get(rule.rule_id, []),
            age=_age(rule, known),
            quiet=silenced(rule, rule.subject, quiet),
            now=now,
        )
        for rule in rules_by_id.values()
        if rule.kind != "event"
    ]
    if disabled:
        judged += [
            disable(disabled[a.rule_id], a, now)
            for a in store.of_rules(conn, disabled)
            if a.rule_version != disabled[a.rule_id].version
        ]
    heard = [s for s in waiting if s.kind == "event"]
    if heard:
        judged += _events(conn, heard, quiet, now)
    if remind:
        seen = {(j.alert.rule_id, j.alert.subject) for j in judged}
        due = [a for a in store.wanting_attention(conn) if (a.rule_id, a.subject) not in seen]
        own = {s.rule_id: rule_of(s) for s in rules.list_rules(conn, ids={a.rule_id for a in due})}
        for a in due:
            rule = own.get(a.rule_id)
            if rule is not None and rule.enabled:
                again = judge_event if rule.kind == "event" else judge
                judged.append(again(rule, a, [], quiet=silenced(rule, a.subject, quiet), now=now))
    return _Found(signals=waiting, judged=judged)


def _concerned(conn: Connection, waiting: Sequence[Signal], known: Prices) -> list[StoredRule]:
    """Rules that have to be judged because of these signals, each once."""
    subjects: dict[str, set[str]] = defaultdict(set)
    for signal in waiting:
        subjects[signal.kind].add(signal.subject)
    found: dict[int, StoredRule] = {}

    def add(more: Iterable[StoredRule]) -> None:
        found.update({s.rule_id: s for s in more})

    if priced := subjects["prices"]:
        add(rules.list_rules(conn, series_ids=priced, kinds=_ON_PRICES))
        over = {s.series_id for s in known.series.values() if s.base_series in priced}
        if over:
            add(rules.list_rules(conn, series_ids=over, kinds={"premium"}))
    if subjects["day"]:
        add(rules.list_rules(conn, kinds=_ON_PRICES))
    if subjects["forecast"]:
        add(rules.list_rules(conn, series_ids=subjects["forecast"], kinds=_ON_FORECASTS))
    if subjects["rule"]:
        add(rules.list_rules(conn, ids={int(subject) for subject in subjects["rule"]}))
    return list(found.values())


def _observe(
    context: Context,
    conn: Connection,
    asked: Iterable[Rule],
    kept: Mapping[tuple[int, str], Alert],
    known: Prices,
) -> dict[int, list[Observation]]:
    """Rule -> its observations, oldest first."""
    found: dict[int, list[Observation]] = {}
    on_forecasts: dict[str, list[Rule]] = defaultdict(list)
    for rule in asked:
        if rule.subject not in known.series:
            continue
        if rule.kind in _ON_FORECASTS:
            on_forecasts[rule.subject].append(rule)
            continue
        alert = kept.get((rule.rule_id, rule.subject))
        oldest = None if alert is None else since(alert)
        if rule.kind in _ON_PRICES:
            found[rule.rule_id] = observe.observe(rule, known, oldest)
        elif rule.kind == DEGRADED:
            found[rule.rule_id] = degraded.observe(conn, rule, oldest, replays=context.clock.shifted)
    for series_id, group in on_forecasts.items():
        answers = chances.observe(context, conn, group, series_id, known.today)
        found |= {rule_id: [observation] for rule_id, observation in answers.items()}
    return found


def _age(rule: Rule, known: Prices) -> Age | None:
    """How old the newest quote is, where the rule is on prices and does not ask just that."""
    if rule.kind not in _ON_PRICES or rule.kind == "stale" or rule.subject not in known.series:
        return None
    days = known.age(rule.subject)
    return None if days is None else Age(days=days, patience=known.patience(rule))


def _events(
    conn: Connection, heard: Sequence[Signal], quiet: Sequence[silences.Silence], now: datetime
) -> list[Judged]:
    """One judgement for each event that is new or changed and each rule on an element it touches."""
    asked = [r for s in rules.list_rules(conn, kinds={"event"}) if (r := rule_of(s)).enabled]
    kept = {(a.rule_id, a.subject): a for a in store.of_rules(conn, [r.rule_id for r in asked])}
    whats: dict[str, list[str]] = defaultdict(list)
    for signal in heard:
        whats[signal.subject].append(str(signal.detail.get("what", "changed")))
    judged = []
    for event_id, what in whats.items():
        event = events.get(conn, event_id)
        if event is None:
            continue
        said = f"{event.title}: {', '.join(what)}"
        for rule in asked:
            if event.covers(rule.element):
                alert = kept.get((rule.rule_id, event_id)) or fresh(rule, event_id)
                hushed = silenced(rule, event_id, quiet)
                judged.append(judge_event(rule, alert, [said], quiet=hushed, now=now))
    return judged


def _keep(context: Context, found: _Found) -> int:
    """Signals out, states, histories and messages in: one transaction. How many things are told."""
    new = [j for j in found.judged if j.alert.alert_id == 0 and j.changed]
    old = [j for j in found.judged if j.alert.alert_id and j.changed]
    with context.engine.begin() as conn:
        if not signals.take(conn, [s.signal_id for s in found.signals]):
            raise _Overtaken
        if not store.write(conn, [j.alert for j in old]):
            raise _Overtaken
        ids = [j.alert.alert_id for j in old] + store.add(conn, [j.alert for j in new])
        kept = list(zip(ids, [*old, *new], strict=True))
        store.record(conn, [replace(line, alert_id=i) for i, j in kept for line in j.lines])
        notices = [(i, notice) for i, j in kept for notice in j.notices]
        now = context.clock.now()
        known = [e.endpoint_id for e in endpoints.list_(conn)]  # for a disabled one it is kept, to recover
        for endpoint_id, own in messages.by_endpoint(notices, known).items():
            for told in messages.messages(own, now):
                alerts = sorted({fields["alert_id"] for fields in told.data.get("alerts", [told.data])})
                outbox.enqueue(conn, told, endpoints=[endpoint_id], alerts=alerts, now=now)
    return len(notices)
