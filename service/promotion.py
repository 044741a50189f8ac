"""Use case: who is champion of a series. Decided as a run ends, rolled back by hand, answered for any day.

A run's decisions are written in the transaction that ends it (fitting.py): a worker whose run was taken away
cannot end it, and so cannot promote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from data.store import champions, facts, prices, signals
from data.store import forecasts as store
from data.store.champions import OUTCOMES, Promotion
from data.store.runs import Run
from forecast.distribution.combination import BENCHMARK
from service import catalogue
from service.answers import ServedAs
from service.context import Context
from service.ladder import served_as
from service.parameter_facts import PARAMETERS
from service.query import end_of
from service.refusals import NotYet, Refusal

if TYPE_CHECKING:
    from service.trial import Trial

#: New months of outcomes until a recipe that was rolled back or demoted may ask for the place again: the
#: evidence that promoted it would otherwise promote it again at the next run.
COOL_OFF = 3
_LOST = ("rolled-back", "demoted")


def decide_run(
    conn: Connection,
    run: Run,
    trial: Trial | None,
    *,
    origins: Mapping[str, date],
    withheld: Mapping[tuple[str, str], str],
    now: datetime,
) -> dict[str, Promotion]:
    """Decide and record who is champion of each series after a run: series -> the decision.

    origins: month of the newest quote of each series that a champion is chosen for. withheld: (series,
    recipe) -> why the run has no forecast by it. The caller holds the catalogue's rows, so that two runs
    cannot decide at once.
    """
    before = champions.newest(conn, now)
    made = {}
    for name, origin in origins.items():
        found = _decide(conn, before.get(name), name, run, trial, origin, withheld, now)
        champions.save(conn, found)
        made[name] = found
    return made


def _decide(
    conn: Connection,
    standing: Promotion | None,
    name: str,
    run: Run,
    trial: Trial | None,
    origin: date,
    withheld: Mapping[tuple[str, str], str],
    now: datetime,
) -> Promotion:
    champion = BENCHMARK if standing is None else standing.champion
    previous = None if standing is None else standing.previous
    silent = [why for (who, _), why in withheld.items() if who == name]
    winner, challenger, evidence = champion, None, dict[str, Any]()
    if silent:
        reason = f"not decided: {silent[0]}"
    elif trial is None or name not in trial.series:
        reason = f"the {champion} stays: nothing of this series was scored at the run's cutoffs"
    else:
        judged = trial.judge(name, champion)
        winner, challenger, reason = judged.winner, judged.challenger, judged.reason
        evidence = dict(judged.evidence)
        if winner != champion and (held := _held_back(conn, name, winner, origin)):
            winner, reason = champion, f"{held} (else: {reason})"
    return Promotion(
        series_id=name,
        decided_at=now,
        run_id=run.run_id,
        outcome="kept" if winner == champion else "promoted",
        champion=winner,
        previous=previous if winner == champion else champion,
        challenger=challenger,
        reason=reason,
        author=run.worker or "worker",
        evidence={**evidence, "origin": origin.isoformat()},
    )


def _held_back(conn: Connection, name: str, recipe: str, origin: date) -> str | None:
    """Why a recipe that lost its place may not have it back yet, or None."""
    lost = lost_at(conn, name, recipe)
    if lost is None:
        return None
    since = date.fromisoformat(lost.evidence["origin"])
    months = max((origin.year - since.year) * 12 + origin.month - since.month, 0)
    if months >= COOL_OFF:
        return None
    return (
        f"the {recipe} was {lost.outcome.replace('-', ' ')} on {lost.decided_at.date()} and asks again after"
        f" {COOL_OFF} new months of quotes; {months} came"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """What the served forecast was made from. parameters: as stored with the run, JSON."""

    run_id: int
    issued_at: datetime
    known_at: date
    origin: date
    fingerprint: str | None
    seed: int | None
    versions: Mapping[str, str]
    weights: Mapping[str, tuple[float, ...]]
    parameters: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionAnswer:
    """Who was champion of a series on a day, why, and what was served. since: when it took the place.

    decided_for: the series whose champion it is, outside China the base. decision: the newest by that day.
    """

    series_id: str
    title: str
    on: date
    champion: str
    previous: str | None
    since: datetime | None
    decided_for: str
    decision: Promotion | None
    served_as: ServedAs
    trained: TrainedOn


def champion(context: Context, series_id: str, on: date | None = None) -> ChampionAnswer:
    """Who was champion of a series at the end of a day (default: today), trained on what.

    Raises NotKnown (no such series), NotYet (nothing was issued by then).
    """
    at = None if on is None else end_of(on)
    with context.engine.connect() as conn:
        series = catalogue.find(conn, series_id)
        served = champions.served(conn, series_id, at)
        issued = None if served is None else store.of_run(conn, served.run_id, series_id, served.recipe)
        if served is None or issued is None:
            raise catalogue.no_forecast(conn, series_id, "none" if on is None else f"none issued by {on}")
        spoken = served_as(conn, served, issued, at)
        tenure = _tenure(conn, served.decided_for, at)
        kept = facts.load(conn, served.run_id, PARAMETERS, series_id)
    newest = tenure[0] if tenure else None
    header = issued.header
    return ChampionAnswer(
        series_id=series_id,
        title=series.title,
        on=on or context.clock.today(),
        champion=BENCHMARK if newest is None else newest.champion,
        previous=None if newest is None else newest.previous,
        since=tenure[-1].decided_at if tenure else None,
        decided_for=served.decided_for,
        decision=newest,
        served_as=spoken,
        trained=TrainedOn(
            run_id=issued.run_id,
            issued_at=issued.issued_at,
            known_at=issued.known_at,
            origin=issued.origin,
            fingerprint=header.get("fingerprint"),
            seed=header.get("seed"),
            versions=header.get("versions", {}),
            weights={name: tuple(row) for name, row in header["weights"].items()},
            parameters=None if kept is None else kept.content,
        ),
    )


def _tenure(conn: Connection, series_id: str, at: datetime | None) -> list[Promotion]:
    """Decisions for one champion in a row, the newest by that instant first."""
    found: list[Promotion] = []
    for decision in champions.history(conn, series_id=series_id):
        if at is not None and decision.decided_at > at:
            continue
        if found and decision.champion != found[0].champion:
            break
        found.append(decision)
    return found


def promotions(
    context: Context, *, series_id: str | None = None, outcome: str | None = None, limit: int = 100
) -> tuple[Promotion, ...]:
    """Decisions with their evidence, the newest first. Raises NotKnown (series), Refusal (outcome)."""
    if outcome is not None and outcome not in OUTCOMES:
        raise Refusal("outcome", outcome, "one of " + ", ".join(OUTCOMES))
    with context.engine.connect() as conn:
        if series_id is not None:
            catalogue.find(conn, series_id)
        chosen = OUTCOMES if outcome is None else (outcome,)
        return champions.history(conn, series_id=series_id, outcomes=chosen, limit=limit)


def rollback(context: Context, series_id: str, *, reason: str, author: str) -> ChampionAnswer:
    """Put the previous champion back, at once: the newest run has its forecast too.

    Raises NotKnown, Refusal (a series that goes by its base; a champion that replaced nobody), NotYet (the
    newest run has no forecast by the previous champion).
    """
    now = context.clock.now()
    with context.engine.begin() as conn:
        series = catalogue.find(conn, series_id)
        if series.base_series is not None:
            raise Refusal("series_id", series_id, f"{series.base_series}, whose champion it goes by")
        prices.lock(conn, series_id)
        standing = champions.newest(conn, series_id=series_id).get(series_id)
        if standing is None or standing.previous is None:
            has = BENCHMARK if standing is None else standing.champion
            raise Refusal(
                "champion", has, "one that took the place from another: GET /v1/promotions shows them"
            )
        moved = move_down(
            conn, standing, standing.previous, "rolled-back", reason=reason, author=author, now=now
        )
        if moved is None:
            raise NotYet(
                "forecast",
                f"none by the previous champion, {standing.previous}, in the newest run",
                "one to fall back to: POST /v1/training-runs, or ytterby train",
            )
    return champion(context, series_id)


def move_down(
    conn: Connection,
    standing: Promotion,
    to: str,
    outcome: str,
    *,
    reason: str,
    author: str,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> Promotion | None:
    """Give a champion's place to a lower rung, and take the loser off the ladder.

    None, and nothing is done, where the newest run has no forecast by that rung.
    """
    name = standing.series_id
    issued = store.latest(conn, name)
    if issued is None or store.of_run(conn, issued.run_id, name, to) is None:
        return None
    made = Promotion(
        series_id=name,
        decided_at=max(now, standing.decided_at),  # a clock that runs behind must not lose the decision
        run_id=issued.run_id,
        outcome=outcome,
        champion=to,
        previous=None if to == BENCHMARK else BENCHMARK,
        challenger=None,
        reason=reason,
        author=author,
        evidence={**(evidence or {}), "from": standing.champion, "origin": issued.origin.isoformat()},
    )
    champions.save(conn, made)
    # what is served is another forecast from now on, outside China too: rules on it are judged again
    for series in prices.list_series(conn):
        if name in (series.series_id, series.base_series):
            detail = {"run_id": issued.run_id}
            signals.add(conn, kind="forecast", subject=series.series_id, detail=detail, at=now)
    return made


def lost_at(conn: Connection, series_id: str, recipe: str) -> Promotion | None:
    """The newest decision by which a recipe lost its place to a rollback or a demotion, or None."""
    lost = champions.history(conn, series_id=series_id, outcomes=_LOST)
    return next((one for one in lost if one.evidence.get("from") == recipe), None)
