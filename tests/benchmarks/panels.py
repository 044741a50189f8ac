"""Run the served pipeline and its peers over the bench's panels; print skill, coverage and the comparison.

    python -m tests.benchmarks.panels                  all panels
    python -m tests.benchmarks.panels dev_m            one
    CUTS=6 python -m tests.benchmarks.panels dev_m     ours at its newest six cutoffs, for a first look

Results are kept in var/bench; those of the peers are computed once, ours every time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tests.benchmarks import bench
from tests.benchmarks.coverage import Coverage, coverage, inside, score_ratio
from tests.benchmarks.peers import BAR, BASE, NAMES, run_peers
from tests.benchmarks.skill import Ratio, ratio

INTERVALS = {80: (0.1, 0.9), 95: (0.025, 0.975)}
#: What is asked of the panels that can resolve it: overall and at each step.
OVERALL = {80: (0.78, 0.82), 95: (0.94, 0.96)}
EACH_STEP = {80: (0.75, 0.85)}
OURS = "ytterby"
WITH_EVENTS = "ytterby-events"  # rare earths only
PLUGINS = {
    OURS: "tests.benchmarks.plugin:forecast",
    WITH_EVENTS: "tests.benchmarks.plugin:forecast_with_events",
}
OUR_NAMES = {OURS: "Ytterby", WITH_EVENTS: "Ytterby with events"}


def methods(panel: str) -> tuple[str, ...]:
    """Our pipeline on prices alone, and with events where the panel has any."""
    return (OURS, WITH_EVENTS) if panel.startswith("ree") else (OURS,)


def run_ours(panel: str, name: str) -> None:
    """Our pipeline. The runner ends with 0 even when a forecaster failed, so an older result goes first."""
    bench.stored(panel, name).unlink(missing_ok=True)
    bench.run(panel, "--plugin", PLUGINS[name], "--name", name, "--maxcut", os.environ.get("CUTS", "0"))
    if not bench.stored(panel, name).exists():
        sys.exit(f"{panel}: the pipeline gave no result; what it said stands above")


def print_table(panel: str) -> None:
    """One row a method, best first: skill, coverage, skill at three steps, interval scores, seconds."""
    steps = bench.described(panel)["h"]
    shown = (1, steps // 2, steps)
    base, bar, block = bench.load(panel, BASE), bench.load(panel, BAR), bench.overlap(panel)
    rows: list[tuple[float, str]] = []
    for name in (*methods(panel), *NAMES):
        result = bench.load(panel, name)
        whole = ratio(result, base, block)
        cells = [f"**{OUR_NAMES[name]}**" if name in OUR_NAMES else NAMES[name]]
        cells += [str(whole) if name != BASE else "1"]
        cells += [f"{inside(result, *bounds).mean():.3f}" for bounds in INTERVALS.values()]
        cells += [f"{ratio(result, base, block, step - 1).value:.3f}" for step in shown]
        cells += [f"{score_ratio(result, bar, *bounds):.3f}" for bounds in INTERVALS.values()]
        spent = bench.info(panel, name)
        cells += [f"{spent['wall']:.1f}", f"{spent['cpu']:.1f}"]
        rows.append((whole.value, "| " + " | ".join(cells) + " |"))
    fans = f"{len(base.uid)} fans, bootstrap blocks of {block} cutoffs"
    print(f"\n{panel}: relSQL by {BASE} with 90 % intervals ({fans})")
    heads = ["method", "relSQL", "cov80", "cov95", *(f"step {step}" for step in shown)]
    heads += ["IS80", "IS95", "wall s", "cpu s"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    print("\n".join(line for _, line in sorted(rows)))
    print(f"IS80, IS95: interval score by that of {BAR}. Seconds of all cutoffs in one process.")


def print_summary(panels: Sequence[str]) -> None:
    """One row a method, one column a panel: relSQL (coverage of 80 / 95 %)."""
    print(f"\nrelSQL by {BASE} (coverage of the 80 / 95 % range)")
    print("| | " + " | ".join(panels) + " |\n|" + "---|" * (len(panels) + 1))
    for name in (*OUR_NAMES, *NAMES):
        cells = [summary(panel, name) if name in (*methods(panel), *NAMES) else "" for panel in panels]
        print(f"| {OUR_NAMES.get(name) or NAMES[name]} | " + " | ".join(cells) + " |")


def summary(panel: str, name: str) -> str:
    result = bench.load(panel, name)
    held = "/".join(f"{inside(result, *bounds).mean():.2f}".lstrip("0") for bounds in INTERVALS.values())
    return f"{ratio(result, bench.load(panel, BASE), bench.overlap(panel)).value:.3f} ({held})"


def best_peer(panel: str) -> str:
    """The peer with the lowest score on this panel, found after the fact: the hardest to beat."""
    base, block = bench.load(panel, BASE), bench.overlap(panel)
    return min(NAMES, key=lambda name: ratio(bench.load(panel, name), base, block).value)


def print_comparison(panel: str, name: str) -> None:
    """Ours against the best peer and against the bar, overall and at each step, on the same fans."""
    ours, block = bench.load(panel, name), bench.overlap(panel)
    rivals = dict.fromkeys((BAR, best_peer(panel)))
    found = {rival: compare(panel, name, rival) for rival in rivals}
    print(f"\n{panel}, {name}, paired: below 1 ours is better; 90 % intervals, blocks of {block} cutoffs")
    print(" step   " + "   ".join(f"over {rival:<18}" for rival in rivals))
    for at in range(ours.q.shape[1] + 1):
        label = "all" if at == 0 else str(at)
        print(f"{label:>5}   " + "   ".join(f"{found[rival][at]!s:<23}" for rival in rivals))
    print(verdict_on_steps(found[BAR][1:]))


def compare(panel: str, name: str, rival: str) -> list[Ratio]:
    """Overall, then at each step."""
    ours, theirs, block = bench.load(panel, name), bench.load(panel, rival), bench.overlap(panel)
    return [ratio(ours, theirs, block, step) for step in (None, *range(ours.q.shape[1]))]


def verdict_on_steps(found: Sequence[Ratio]) -> str:
    """Is any step worse than the random walk beyond noise, its whole interval above 1?"""
    worse = [f"{step} ({one})" for step, one in enumerate(found, 1) if one.low > 1]
    if not worse:
        return f"Nowhere worse than {BAR} beyond noise: holds at all {len(found)} steps."
    return f"Nowhere worse than {BAR} beyond noise: FAILS at step {', '.join(worse)}"


def verdict(panel: str, level: int, step: int | None, found: Coverage) -> str:
    """Empty when what was asked is met. A development panel has to stay in a band; of three rare-earth
    series it can only be asked that the nominal is possible, and only over all steps: where every price
    fell inside, the bootstrap of a single step has nothing to vary."""
    if panel.startswith("ree"):
        possible = step is not None or found.low <= level / 100 <= found.high
        return "" if possible else f"{level} % is outside the interval"
    low, high = (OVERALL if step is None else EACH_STEP).get(level, (0.0, 1.0))
    return "" if low <= found.share <= high else f"{level} % outside {low:.0%}-{high:.0%}"


def print_coverage(panel: str, name: str) -> None:
    """Coverage overall and at each step, 80 and 95 %, of ours."""
    ours, block = bench.load(panel, name), bench.overlap(panel)
    print(f"\n{panel}, {name}: coverage with 90 % intervals")
    hits = {level: inside(ours, *bounds) for level, bounds in INTERVALS.items()}
    for step in (None, *range(ours.q.shape[1])):
        line, remarks = [f"{'all' if step is None else step + 1:>5}"], []
        for level, found in hits.items():
            got = coverage(found if step is None else found[:, [step]], ours.cut, block)
            line.append(f"{level} %: {got.share:.3f} [{got.low:.3f}, {got.high:.3f}]")
            remarks.append(verdict(panel, level, step, got))
        said = "; ".join(filter(None, remarks))
        print("   ".join(line) + (f"   <- {said}" if said else ""))


def main(panels: list[str]) -> int:
    unknown = [panel for panel in panels if panel not in bench.PANELS]
    if unknown:
        print(f"unknown panel {', '.join(unknown)}; there are {', '.join(bench.PANELS)}", file=sys.stderr)
        return 2
    if not bench.is_there():
        print("The panels were left out: the folder ../shared/bench is not beside this checkout.")
        return 0
    for panel in panels or bench.PANELS:
        print(f"\n== {panel}", flush=True)
        run_peers(panel)
        for name in methods(panel):
            run_ours(panel, name)
        print_table(panel)
        for name in methods(panel):
            print_comparison(panel, name)
            print_coverage(panel, name)
    print_summary(panels or bench.PANELS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
