"""When the next quote of a series is due, and what it means that it has not come. Pure: days and quotes are
passed in.

A price desk that says the same price again has spoken; a feed that repeats itself has not. docs/sources.md
states the rule and what it says of every series that comes with Ytterby.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import median

from data.types import Quote
from data.validate import first_available

FRESH, UNCHANGED, LATE, DEAD, DISCONTINUED = "fresh", "unchanged", "late", "dead", "discontinued"
STATES = (FRESH, UNCHANGED, LATE, DEAD, DISCONTINUED)
#: Newest gaps that a habit is learnt from, and fewest.
GAPS, FEWEST = 12, 2
#: Silence, in usual gaps and in days, after which a feed is dead; and after which nobody waits for it.
DEAD_GAPS, DEAD_DAYS, GONE_GAPS, GONE_DAYS = 3, 28, 8, 365
#: Days that the rest of a feed has spoken of since this series was due, which make it discontinued, not late.
SPOKEN = 3
#: Days in a row on which nothing of a feed changed that make it dead, if they are also so many days, and so
#: many times its longest such stretch before.
REPEATS, REPEAT_DAYS, LONGEST_TIMES = 8, 28, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """next_due_on: None where no habit can be learnt. late_by_days: from then to today, at least 0.

    state: "fresh"; "unchanged", fresh with the price of before; "late"; "dead", when the feed behind it has
    stopped or repeats itself; "discontinued", when this price is no longer published. why: the same in words.
    """

    next_due_on: date | None
    late_by_days: int
    state: str
    why: str


def freshness(vintages: Iterable[Quote], feed: Mapping[str, Sequence[Quote]], today: date) -> Freshness:
    """How a series stands on a day. vintages: all of its own. feed: series -> newest quotes of the source
    that gave the newest quote, this series left out; what is not available by `today` is left out too."""
    quotes, published = _first_words(vintages, today)
    if not quotes:
        return Freshness(next_due_on=None, late_by_days=0, state=DEAD, why="no quote is stored")
    newest = quotes[-1]
    days = sorted(published[q.ds] for q in quotes if q.kind == newest.kind)
    gaps = [(after - before).days for before, after in pairwise(sorted(set(days)))][-GAPS:]
    others = {name: [q for q in found if q.available_on <= today] for name, found in feed.items()}
    silence = (today - days[-1]).days
    if len(gaps) < FEWEST:
        gone = silence > GONE_DAYS
        why = (
            f"{len(gaps)} gaps between publications, too few to learn from; the newest is {silence} days old"
        )
        state = DISCONTINUED if gone else FRESH
        return Freshness(next_due_on=None, late_by_days=0, state=state, why=why)
    usual = median(gaps)
    due = _next_due(newest, days[-1], usual)
    late = max((today - due).days, 0)
    state, why = (
        _late(newest, others, due, today, usual, silence)
        if late > _patience(gaps, usual)
        else (_repeats(quotes, others))
    )
    return Freshness(next_due_on=due, late_by_days=late, state=state, why=why)


def _first_words(vintages: Iterable[Quote], today: date) -> tuple[list[Quote], dict[date, date]]:
    """(quotes by day, the newest vintage of each; day -> when it was first published)."""
    newest: dict[tuple[date, str], Quote] = {}
    published: dict[date, date] = {}
    for quote in vintages:  # in the order they were recorded
        if quote.available_on <= today:
            newest[quote.ds, quote.kind] = quote
            published[quote.ds] = min(quote.available_on, published.get(quote.ds, quote.available_on))
    return sorted(newest.values(), key=lambda q: (q.ds, q.kind)), published


def _next_due(newest: Quote, published: date, usual: float) -> date:
    """A usual gap after the last publication; for means of months and years by the calendar."""
    if newest.kind == "point":
        return published + timedelta(days=round(usual))
    lag = published - first_available(newest.kind, newest.ds)
    months = 12 if newest.kind == "annual" else max(round(usual / 30.44), 1)
    start = first_available(newest.kind, newest.ds)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, 1) + lag


def _patience(gaps: Sequence[int], usual: float) -> float:
    """Days beyond the due one that are no news: as nine gaps in ten had it, from a quarter of a usual gap to
    two."""
    long = sorted(gaps)[round(0.9 * (len(gaps) - 1))]
    return min(max(long - usual, usual / 4, 1), 2 * usual)


def _late(
    newest: Quote, others: Mapping[str, Sequence[Quote]], due: date, today: date, usual: float, silence: int
) -> tuple[str, str]:
    said = f"due on {due}, {silence} days after the last; usually every {usual:g} days"
    if silence <= max(DEAD_GAPS * usual, DEAD_DAYS):
        return LATE, said
    since = {quote.ds for quotes in others.values() for quote in quotes if quote.available_on > due}
    if len(since) >= SPOKEN:
        return DISCONTINUED, f"{said}; since then {newest.source} spoke of {len(since)} days of other series"
    if silence > max(GONE_GAPS * usual, GONE_DAYS):
        return DISCONTINUED, f"{said}; nothing for {silence / usual:.0f} times that"
    return DEAD, f"{said}; nothing since from {newest.source}"


def _repeats(quotes: Sequence[Quote], others: Mapping[str, Sequence[Quote]]) -> tuple[str, str]:
    """Fresh, unchanged, or a feed that carries its prices forward under new dates."""
    run = 1 + _unchanged(quotes)
    if run == 1:
        return FRESH, f"the newest is of {quotes[-1].ds}"
    stretch, longest, since = _feed_stretch([quotes, *others.values()])
    if (
        stretch >= REPEATS
        and (quotes[-1].ds - since).days >= REPEAT_DAYS
        and stretch > LONGEST_TIMES * longest
    ):
        return DEAD, (
            f"{quotes[-1].source} changed no price since {since}, over {stretch} days of quotes; "
            f"the longest such stretch before was {longest}"
        )
    return UNCHANGED, f"the same price over {run} quotes, the newest of {quotes[-1].ds}"


def _unchanged(quotes: Sequence[Quote]) -> int:
    """Newest steps without a change."""
    count = 0
    for before, after in pairwise(reversed(quotes)):
        if _figures(before) != _figures(after):
            break
        count += 1
    return count


def _feed_stretch(feed: Sequence[Sequence[Quote]]) -> tuple[int, int, date]:
    """(days of quotes since anything of the feed changed, longest such stretch before, day of the last
    change)."""
    changed: dict[date, bool] = {}
    for quotes in feed:
        ordered = sorted(quotes, key=lambda q: q.ds)
        for before, after in pairwise(ordered):
            changed[after.ds] = changed.get(after.ds, False) or _figures(before) != _figures(after)
    since = min((quotes[0].ds for quotes in feed if quotes), default=date.min)
    stretch = longest = 0
    for day in sorted(changed):
        if changed[day]:
            longest, stretch, since = max(longest, stretch), 0, day
        else:
            stretch += 1
    return stretch, longest, since


def _figures(quote: Quote) -> tuple[float, float | None, float | None]:
    return quote.value, quote.low, quote.high
