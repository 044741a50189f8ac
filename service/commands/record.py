"""`ytterby champion`, `rollback` and `track-record`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import author, day, ready_here
from service.commands.output import (
    AsCsv,
    AsJson,
    one_form,
    out,
    print_csv,
    print_json,
    print_table,
    table,
)

if TYPE_CHECKING:
    from service.promotion import ChampionAnswer
    from service.record.track import Figures, TrackRecord

On = Annotated[
    datetime | None,
    typer.Option(
        "--on", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="As it stood at the end of this day."
    ),
]
Id = Annotated[str, typer.Argument(help="A series id, such as dy-oxide-cn.")]


def champion(series: Id, on: On = None, as_json: AsJson = False) -> None:
    """Show who was champion of a series on a day, why, and trained on what.

    Example:  ytterby champion dy-oxide-cn --on 2026-11-24
    """
    from service import promotion

    found = promotion.champion(ready_here(), series, day(on))
    if as_json:
        print_json(found)
    else:
        show_champion(found)


def rollback(
    series: Id,
    reason: Annotated[str, typer.Option(help="Why; it stands in the record.")],
    as_json: AsJson = False,
) -> None:
    """Put the previous champion of a series back, at once. Later runs have to win against it.

    Example:  ytterby rollback dy-oxide-cn --reason "ranges too narrow since May"
    """
    from service import promotion
    from service.api.schemas.record import RollbackIn
    from service.commands.options import checked

    body = checked(RollbackIn, {"reason": reason})
    found = promotion.rollback(ready_here(), series, reason=body.reason, author=author())
    if as_json:
        print_json(found)
    else:
        show_champion(found)


def show_champion(found: ChampionAnswer) -> None:
    """Sentences: who, why, what is served, from what."""
    whose = "" if found.decided_for == found.series_id else f", as of {found.decided_for}"
    since = "from the start" if found.since is None else f"since {found.since:%Y-%m-%d %H:%M} UTC"
    said = [
        f"{found.title} ({found.series_id}) on {found.on}",
        f"Champion: {found.champion}, {since}{whose}. The rung below: {found.previous or 'the random walk'}.",
    ]
    if found.decision is not None:
        told = found.decision
        said.append(f"{told.outcome} on {told.decided_at:%Y-%m-%d %H:%M} UTC by {told.author}: {told.reason}")
    spoken, trained = found.served_as, found.trained
    why = f": {spoken.reason}" if spoken.reason else ""
    versions = ", ".join(f"{name} {version}" for name, version in trained.versions.items())
    said += [
        f"Served: {spoken.recipe} ({spoken.rung}){why}.",
        f"Trained by run {trained.run_id}, issued {trained.issued_at:%Y-%m-%d %H:%M} UTC, known at"
        f" {trained.known_at}, data to {trained.origin:%Y-%m}, fingerprint"
        f" {(trained.fingerprint or 'none')[:12]}, seed {trained.seed}.",
        f"Versions: {versions or 'not stored'}. Parameters: --json.",
    ]
    for line in said:
        out.print(line, soft_wrap=True, markup=False)


def track_record(
    series: Annotated[str | None, typer.Option(help="Only this series.")] = None,
    market: Annotated[str | None, typer.Option(help="Only this market, such as cn.")] = None,
    regime: Annotated[str | None, typer.Option(help="quiet, or 'control window'.")] = None,
    horizon: Annotated[int | None, typer.Option(min=1, help="Only so many months ahead.")] = None,
    vintage: Annotated[str, typer.Option(help="first published, or latest vintage of a price.")] = "first",
    record: Annotated[str, typer.Option(help="live, replays or all.")] = "live",
    score: Annotated[bool, typer.Option("--score", help="First score what is due.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how issued forecasts did, by series, market, horizon and regime.

    Example:  ytterby track-record --record replays --horizon 3
    """
    from service.record import track
    from service.record.score import score_due

    one_form(as_json, as_csv)
    context = ready_here()
    if score:
        score_due(context, now=context.clock.now())
    found = track.track_record(
        context,
        track.Asked(
            series_id=series, market=market, regime=regime, horizon=horizon, vintage=vintage, record=record
        ),
    )
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(track.COLUMNS, track.flat_rows(found))
    else:
        show_record(found)


def show_record(found: TrackRecord) -> None:
    """One line a group."""
    columns = ("scored", "skill", "loss", "walk", "80 %", "95 %", "direction")
    since = "" if found.since is None else f" since {found.since:%Y-%m-%d}"
    made = table(
        f"{found.issued} forecasts{since} ({found.asked.record})", "by", "value", *columns, right=columns
    )
    made.add_row("all", "all", *_cells(found.overall), style="bold")
    for group in found.groups:
        made.add_row(group.by, group.value, *_cells(group.figures))
    print_table(made)
    out.print("Loss and walk: mean pinball loss in per cent of the last price at issue.")
    for health in found.health:
        if health.content["degraded"]:
            out.print(f"[yellow]Out of band in service: {health.series_id}[/yellow]")
    for removal in found.removals:
        out.print(f"{removal.series_id}, {removal.removed_at:%Y-%m-%d}: {removal.reason}", soft_wrap=True)
    for note in (*found.notes, *([found.notice] if found.notice else [])):
        out.print(note, soft_wrap=True)


def _cells(figures: Figures) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    def loss(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    skill = "-" if figures.skill is None else f"{figures.skill:+.1%}"
    return [
        f"{figures.scored:,}",
        skill,
        loss(figures.pinball),
        loss(figures.walk_pinball),
        share(figures.coverage_80),
        share(figures.coverage_95),
        "-" if figures.direction is None else f"{figures.direction:.0%} of {figures.directions}",
    ]
