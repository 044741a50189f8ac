"""`ytterby alerts preview`: what a rule would have done, before it is armed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from service.commands.output import out, price, print_json, print_table, say, table

if TYPE_CHECKING:
    from service.alerts.previewed import PreviewAnswer, PreviewFiring, Share
    from service.context import Context


def show_preview(context: Context, content: Mapping[str, Any], as_json: bool) -> None:
    """Preview a rule given as the body of POST /v1/alert-rules, and print it."""
    from service.alerts.preview import preview

    found = preview(context, content)
    if as_json:
        print_json(found)
        return
    for line in (f"{found.subject}: {found.title}", *found.marks, *_now(found), *_history(found)):
        out.print(line, soft_wrap=True, markup=False)
    if found.rows:
        _print_rows(found)
    for note in (*found.notes, *([found.notice] if found.notice else ())):
        say(note)


def _now(found: PreviewAnswer) -> Iterator[str]:
    if found.now is not None:
        where = "beyond" if found.beyond_now else "not beyond"
        yield f"Now {where} the threshold: {_value(found, found.now.value)}. {found.now.note}"


def _history(found: PreviewAnswer) -> Iterator[str]:
    if found.first_on is None:
        return
    judged = f"{found.observations} observations" if found.cutoffs is None else f"{found.cutoffs} cutoffs"
    often = "" if found.firings_per_year is None else f", {found.firings_per_year:.1f} a year"
    times = "once" if found.firings == 1 else f"{found.firings} times"
    yield f"{found.first_on} to {found.last_on}, {judged}: fired {times}{often}."
    if found.median_delay_days is not None:
        days = f"{found.median_delay_days:g} day{'' if found.median_delay_days == 1 else 's'}"
        yield f"Fired {days} after the first price beyond the threshold (median)."
    if found.held_next.of:
        third = f", at the third {_share(found.held_third)}" if found.held_third.of else ""
        yield f"Still beyond it at the next observation {_share(found.held_next)}{third}."
    if found.came_true.of:
        lead = found.median_lead_months
        later = "" if lead is None else f", {lead:g} months later (median)"
        yield f"Came true {_share(found.came_true)}{later}."
    if found.calibration is not None and (skill := found.calibration.skill) is not None:
        worth = "-" if skill.value is None else f"{skill.value:.2f}"
        yield (
            f"Skill of such chances against the usual frequency {worth}, at {skill.n} cutoffs;"
            f" at {skill.hits} of them a level that far away was passed."
        )


def _print_rows(found: PreviewAnswer) -> None:
    if found.kind == "event":
        made = table(None, "on", "event", words=("event",))
        for row in found.rows:
            made.add_row(str(row.on), row.note)
        print_table(made)
        return
    # every day is another observation of a quote's age: whether one held says nothing
    last = () if found.kind == "stale" else ("held",) if found.cutoffs is None else ("came true",)
    made = table(None, "fired", "of", "value", "resolved", *last, right=("value",))
    for row in found.rows:
        over = "-" if row.resolved_on is None else str(row.resolved_on)
        told = [_word(row.held_next) if found.cutoffs is None else _outcome(row) for _ in last]
        made.add_row(str(row.on), str(row.of), _value(found, row.value), over, *told)
    print_table(made)


def _outcome(row: PreviewFiring) -> str:
    if row.passed_before:
        return "passed before"
    if row.came_true:
        return f"after {row.lead_months} month{'' if row.lead_months == 1 else 's'}"
    return _word(row.came_true)


def _word(told: bool | None) -> str:
    return "-" if told is None else "yes" if told else "no"


def _share(found: Share) -> str:
    return "-" if found.share is None else f"{found.share:.0%} of {found.of}"


def _value(found: PreviewAnswer, value: float | None) -> str:
    if value is None:
        return "-"
    if found.value_in == "probability":
        return f"{value:.1%}"
    if found.value_in == "per cent":
        return f"{value:.1f} %"
    return f"{value:.0f} days" if found.value_in == "days" else f"{price(value)} {found.value_in}"
