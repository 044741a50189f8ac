"""Run the served pipeline over the bench's panels and print skill and coverage.

    python -m tests.benchmarks.panels                  all panels
    python -m tests.benchmarks.panels dev_m            one
    CUTS=6 python -m tests.benchmarks.panels dev_m     its newest six cutoffs, for a first look

The bench (panels, runner, scoring) lies beside the checkout, in ../shared/bench, and is run where it
lies. Results are kept in var/bench; those of the peers are computed once.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.benchmarks.coverage import Coverage, Result, coverage, inside, score_ratio

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT.parent / "shared" / "bench"
OUT = Path(os.environ.get("BENCH_OUT", ROOT / "var" / "bench"))
PANELS = ("dev_m", "dev_w", "ree_m", "ree_w")
BASE = "rw_log"
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


def run_harness(panel: str, *arguments: str, python: Path | str = sys.executable) -> None:
    """One run of the bench's own runner in a child process."""
    environment = dict(os.environ, BENCH_OUT=str(OUT), PYTHONDONTWRITEBYTECODE="1")
    command = [str(python), str(BENCH / "harness.py"), "--panel", panel, *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def methods(panel: str) -> tuple[str, ...]:
    """Our pipeline on prices alone, and with events where the panel has any."""
    return (OURS, WITH_EVENTS) if panel.startswith("ree") else (OURS,)


def run_ours(panel: str, name: str) -> None:
    """Our pipeline. The runner ends with 0 even when a forecaster failed, so an older result goes first."""
    made = OUT / panel / f"{name}.npz"
    made.unlink(missing_ok=True)
    run_harness(panel, "--plugin", PLUGINS[name], "--name", name, "--maxcut", os.environ.get("CUTS", "0"))
    if not made.exists():
        sys.exit(f"{panel}: the pipeline gave no result; what it said stands above")


def run_peers(panel: str) -> None:
    """The random walks that scores refer to; the one of statsforecast needs an environment of its own."""
    if not (OUT / panel / f"{BASE}.npz").exists():
        run_harness(panel, "--methods", BASE)
    if not (OUT / panel / "rw_sf.npz").exists():
        subprocess.run([sys.executable, str(ROOT / "tools" / "ensure_env.py"), "bench"], check=True)
        run_harness(panel, "--methods", "rw_sf", python=ROOT / ".venv-bench" / "bin" / "python")


def load_harness() -> ModuleType:
    """The bench's runner as a module: its panels and its split are the truth about what was forecast."""
    spec = importlib.util.spec_from_file_location("bench_harness", BENCH / "harness.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(BENCH / "harness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_result(harness: ModuleType, panel: str, method: str) -> Result:
    """A stored result beside the prices that followed each cutoff."""
    described = harness.panel(panel)
    stored = np.load(OUT / panel / f"{method}.npz", allow_pickle=False)
    actual = {}
    for cutoff in described["cutoffs"]:
        _, later = harness.split(described, cutoff)
        for uid, rows in later.groupby("unique_id"):
            actual[(uid, cutoff.strftime("%Y-%m-%d"))] = rows["y"].to_numpy(float)
    pairs = zip(stored["uid"], stored["cut"], strict=True)
    return Result(
        uid=stored["uid"], cut=stored["cut"], q=stored["q"], actual=np.array([actual[pair] for pair in pairs])
    )


def overlap(harness: ModuleType, panel: str) -> int:
    """Cutoffs that one fan reaches over: the length of a bootstrap block."""
    described = harness.panel(panel)
    cutoffs, steps = described["cutoffs"], described["h"]
    days = {"MS": 30.44, "W-FRI": 7.0}[described["freq"]]
    return max(1, round(steps * days / (cutoffs[1] - cutoffs[0]).days))


def verdict(panel: str, level: int, step: int | None, found: Coverage) -> str:
    """Empty when what was asked is met. A development panel has to stay in a band; of three rare-earth
    series it can only be asked that the nominal is possible, and only over all steps: where every price
    fell inside, the bootstrap of a single step has nothing to vary."""
    if panel.startswith("ree"):
        possible = step is not None or found.low <= level / 100 <= found.high
        return "" if possible else f"{level} % is outside the interval"
    low, high = (OVERALL if step is None else EACH_STEP).get(level, (0.0, 1.0))
    return "" if low <= found.share <= high else f"{level} % outside {low:.0%}-{high:.0%}"


def print_coverage(harness: ModuleType, panel: str, name: str) -> None:
    """Coverage overall and at each step, 80 and 95 %, and the interval score by the random walk's."""
    ours, base = load_result(harness, panel, name), load_result(harness, panel, BASE)
    block = overlap(harness, panel)
    cells = f"{ours.q.shape[0]} fans, bootstrap blocks of {block} cutoffs"
    print(f"\n{panel}, {name}: coverage with 90 % intervals ({cells})")
    hits = {level: inside(ours, *bounds) for level, bounds in INTERVALS.items()}
    for step in (None, *range(ours.q.shape[1])):
        line, remarks = [f"{'all' if step is None else step + 1:>5}"], []
        for level, found in hits.items():
            got = coverage(found if step is None else found[:, [step]], ours.cut, block)
            line.append(f"{level} %: {got.share:.3f} [{got.low:.3f}, {got.high:.3f}]")
            remarks.append(verdict(panel, level, step, got))
        said = "; ".join(filter(None, remarks))
        print("   ".join(line) + (f"   <- {said}" if said else ""))
    for level, bounds in INTERVALS.items():
        print(f"interval score {level} % by {BASE}'s: {score_ratio(ours, base, *bounds):.3f}")


def main(panels: list[str]) -> int:
    unknown = [panel for panel in panels if panel not in PANELS]
    if unknown:
        print(f"unknown panel {', '.join(unknown)}; there are {', '.join(PANELS)}", file=sys.stderr)
        return 2
    if not (BENCH / "harness.py").exists():
        print("The panels were left out: the folder ../shared/bench is not beside this checkout.")
        return 0
    harness = load_harness()
    for panel in panels or PANELS:
        print(f"\n== {panel}", flush=True)
        run_peers(panel)
        for name in methods(panel):
            run_ours(panel, name)
        print(flush=True)
        names = ",".join(("rw_sf", BASE, *methods(panel)))
        score = [sys.executable, str(BENCH / "score.py"), "--panel", panel, "--names", names]
        subprocess.run(
            score, env=dict(os.environ, BENCH_OUT=str(OUT), PYTHONDONTWRITEBYTECODE="1"), check=True
        )
        for name in methods(panel):
            print_coverage(harness, panel, name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
