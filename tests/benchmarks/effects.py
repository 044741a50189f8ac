"""How honest the effects layer is, and what it is worth: planted effects, placebos, events left out, skill.

    python -m tests.benchmarks.effects             all of it, some minutes
    python -m tests.benchmarks.effects honesty     without the ablation, under a minute

Real prices are the reference data shipped with the package; with ../shared beside the checkout the ablation
also runs on the monthly rare-earth panel of the bench.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from data.reference.load import read_catalogue, read_events, read_quotes
from forecast.evaluation.metrics import pinball
from forecast.events.reading import read_events as readings_of
from forecast.pipeline import CHAMPION, backtest_panel
from forecast.types import QUANTILES, SCORED_QUANTILES, Array, PriceHistory, SeriesKey
from tests.forecast.events import honesty
from tests.forecast.events.planted import planted, summary

REE = Path(__file__).resolve().parents[3] / "shared" / "data" / "bench" / "ree_monthly.csv"
HORIZON, CUTOFFS, EVERY = 12, 24, 3
AFTER = 183  # days after an event became public that count as its window
STRONG = 0.5  # share of the effect that has to reach the element
BLOCK = HORIZON // EVERY
TODAY = datetime(2026, 11, 24, tzinfo=UTC)


def reference() -> pd.DataFrame:
    """Monthly Chinese prices of the reference catalogue, long form."""
    series = {s.series_id: s for s in read_catalogue() if s.market == "cn"}
    rows = [
        (q.series_id, pd.Timestamp(q.ds), q.value, series[q.series_id].element, "cn")
        for q in read_quotes(TODAY)
        if q.series_id in series and q.kind == "monthly-mean"
    ]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y", "element", "market"])


def on_calendars(history: pd.DataFrame) -> list[PriceHistory]:
    """One history a series, NaN for months without a price."""
    out = []
    for (name, element, market), rows in history.groupby(["unique_id", "element", "market"]):
        prices = pd.Series(rows["y"].to_numpy(float), index=pd.PeriodIndex(rows["ds"], freq="M"))
        months = pd.period_range(prices.index.min(), prices.index.max(), freq="M")
        key = SeriesKey(unique_id=str(name), element=str(element), market=str(market))
        out.append(PriceHistory(key=key, periods=months, y=prices.reindex(months).to_numpy(float)))
    return out


def share(found: Sequence[bool]) -> str:
    """A share with the 90 % interval of a binomial (Wilson)."""
    n, p, z = len(found), float(np.mean(found)), 1.645
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return f"{p:.1%} [{(middle - half) / scale:.1%}, {(middle + half) / scale:.1%}] of {n}"


def print_honesty(histories: Sequence[PriceHistory]) -> None:
    print(summary(200, planted(200)), flush=True)
    events = read_events()
    print("placebos whose 90 % interval leaves out 0 (at most 10 % is honest)")
    print(f"  simulated prices  {share(honesty.simulated_placebos(100))}")
    print(f"  real prices       {share(honesty.real_placebos(histories, events, 100))}", flush=True)
    day = max(h.origin for h in histories).end_time.date()
    readings = [r for r in readings_of(events, "cn", day) if r.certain]
    print("\nscale of each type, by the table's")
    print("\n".join(honesty.factor_ranges(histories, readings)))
    found = honesty.leave_one_out(histories, events)
    names = {f.event_id for f in found}
    print(f"\n{len(names)} events left out, each predicted from the others: inside the 90 % interval")
    first = {f.event_id: f for f in found}
    print(f"  the full-data estimate   {share([f.held for f in first.values()])}")
    print(f"  the change of the price  {share([f.change_held for f in found])}, by series and event")
    for group in sorted({f.group for f in found}):
        some = [f for f in found if f.group == group]
        events_of = len({f.event_id for f in some})
        print(f"    {group:20s} {sum(f.change_held for f in some)} of {len(some)} ({events_of} events)")
    for f in found:
        if not f.change_held:
            print(f"    outside: {f.event_id} {f.series} {f.change:+.2f},"
                  f" predicted [{f.change_low:+.2f}, {f.change_high:+.2f}]")  # fmt: skip


def strong_days(element: str) -> list[date]:
    """Days on which an event became public that acts in China directly and reaches the element."""
    found = readings_of(read_events(), "cn", TODAY.date())
    return [r.known_on for r in found if not r.spill and r.weight(element) >= STRONG]


def scores(history: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Pinball of the champion by series and cutoff, scaled by the mean one-step change of the series."""
    rows = rows[rows["model"] == CHAMPION].merge(history, on=["unique_id", "ds"])
    names = [f"q{q:g}" for q in SCORED_QUANTILES]
    rows = rows.assign(score=pinball(rows["y"].to_numpy(), rows[names].to_numpy(), SCORED_QUANTILES))
    scale = history.groupby("unique_id")["y"].apply(lambda y: y.diff().abs().mean())
    rows["score"] /= rows["unique_id"].map(scale)
    return rows.groupby(["unique_id", "element", "cutoff"], as_index=False)["score"].mean()


def ratio(table: pd.DataFrame, chosen: Array) -> float:
    """Geometric mean over series of the score with events by that without; below 1 is better."""
    some = table[chosen]
    means = some.groupby("unique_id")[["with", "without"]].mean()
    return float(np.exp(np.log(means["with"] / means["without"]).mean()))


def interval(table: pd.DataFrame, chosen: Array, draws: int = 1000) -> tuple[float, float]:
    """90 % interval of `ratio` by resampling cutoffs in blocks, all series of a cutoff together."""
    rng = np.random.default_rng(0)
    cutoffs = np.sort(table["cutoff"].unique())
    rows = [np.flatnonzero(chosen & (table["cutoff"] == c).to_numpy()) for c in cutoffs]
    found = []
    for _ in range(draws):
        starts = rng.integers(0, len(cutoffs), -(-len(cutoffs) // BLOCK))
        at = np.concatenate([(s + np.arange(BLOCK)) % len(cutoffs) for s in starts])[: len(cutoffs)]
        picked = table.iloc[np.concatenate([rows[i] for i in at])]
        if len(picked):
            found.append(ratio(picked, np.ones(len(picked), dtype=bool)))
    low, high = np.quantile(found, [0.05, 0.95])
    return float(low), float(high)


def print_ablation(name: str, history: pd.DataFrame) -> None:
    months = pd.PeriodIndex(history["ds"], freq="M")
    last = months.max() - HORIZON
    cutoffs = [(last - EVERY * i).start_time.date() for i in range(CUTOFFS)][::-1]
    given = {"horizon": HORIZON, "freq": "MS", "cutoffs": cutoffs, "quantiles": QUANTILES}
    made = {
        label: scores(history, backtest_panel(history, events=events, **given))
        for label, events in (("with", read_events()), ("without", ()))
    }
    table = made["with"].rename(columns={"score": "with"})
    table["without"] = made["without"]["score"].to_numpy()
    days = {e: np.array(strong_days(e), dtype="datetime64[D]") for e in table["element"].unique()}
    ends = (table["cutoff"] + pd.offsets.MonthEnd(0)).to_numpy().astype("datetime64[D]")
    ages = [end - days[e] for end, e in zip(ends, table["element"], strict=True)]
    inside = np.array([((a >= np.timedelta64(0)) & (a <= np.timedelta64(AFTER))).any() for a in ages])
    print(f"\n{name}: {len(cutoffs)} cutoffs, {cutoffs[0]:%Y-%m} to {cutoffs[-1]:%Y-%m}, {HORIZON} months,")
    print("  pinball with the effects layer by that without, 90 % block-bootstrap interval")
    everywhere = np.ones(len(table), dtype=bool)
    for label, chosen in (("all", everywhere), ("inside windows", inside), ("outside windows", ~inside)):
        low, high = interval(table, chosen)
        print(f"  {label:16s} {ratio(table, chosen):.3f} [{low:.3f}, {high:.3f}]  ({chosen.sum()} fans)",
              flush=True)  # fmt: skip


def main(parts: Sequence[str]) -> int:
    history = reference()
    print_honesty(on_calendars(history))
    if "honesty" in parts:
        return 0
    print_ablation("reference, monthly", history)
    if REE.exists():
        panel = pd.read_csv(REE, parse_dates=["ds"])
        element = panel["unique_id"].str[:2].str.title()
        print_ablation("ree_m", panel.assign(element=element, market="cn"))
    else:
        print("ree_m was left out: the folder ../shared is not beside this checkout.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
