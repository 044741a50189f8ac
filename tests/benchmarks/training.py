"""Time a full retrain of the reference catalogue, and statsforecast's four models on the same folds.

    python -m tests.benchmarks.training

Ours is what `ytterby train` does between reading and storing, with two processes: every candidate on every
series, calibration, effects, paths, premium, then all of it again at 24 past cutoffs, scored. Theirs is one
call that fits each of the four on each series at each of these cutoffs, and on all there is today, with two
processes too: the fits of their cross-validation, in the form that suits them best.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from service import fitting, scoring
from service import inputs as given
from service.context import open_context
from service.settings import Settings
from service.startup import prepare
from tests.benchmarks import bench

PROCESSES = 2
LIMIT = 20.0
PEER = Path(__file__).with_name("training_peer.py")
#: The shortest history that the four can be asked to fit; below it ours alone has work to do.
FEWEST = 12


def folds(known: given.Inputs, settings: Settings) -> pd.DataFrame:
    """Long frame unique_id, ds, y with one made-up series per series and cutoff: its prices known then.

    Months without a quote are filled with the last one, as the four take no gaps.
    """
    lag = scoring.lags(known.history, known.known_at)
    frames = []
    for name, own in known.history.groupby("unique_id"):
        months = own.groupby(pd.PeriodIndex(own["ds"], freq="M"))["y"].mean()
        filled = months.reindex(pd.period_range(months.index[0], months.index[-1], freq="M")).ffill()
        for cutoff in (*scoring.cutoffs(known.history, lag, settings.cutoffs), known.known_at):
            seen = filled[filled.index <= pd.Period(cutoff, "M") - lag[str(name)]]
            if len(seen) >= FEWEST:
                ds = seen.index.to_timestamp()
                frames.append(pd.DataFrame({"unique_id": f"{name} {cutoff}", "ds": ds, "y": np.log(seen)}))
    return pd.concat(frames, ignore_index=True)


def peer(frame: pd.DataFrame, folder: Path, steps: int) -> list[dict[str, object]]:
    """What the four took, in their own environment."""
    path = folder / "folds.csv"
    frame.to_csv(path, index=False)
    command = [str(bench.peer_python()), str(PEER), str(path), str(steps), str(PROCESSES)]
    said = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    return [json.loads(line) for line in said.splitlines()]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ytterby-training-") as scratch:
        settings = Settings(database_url=f"sqlite:///{scratch}/prices.db", processes=PROCESSES)
        context = open_context(settings)
        prepare(context)
        with context.engine.connect() as conn:
            known = given.load(conn, context.clock.today())
        context.engine.dispose()
        made = fitting.fit(known, context, lambda *_: None)
        what = f"{known.history['unique_id'].nunique()} series, {len(made.cutoffs)} cutoffs"
        print(f"Ytterby, {what}, {PROCESSES} processes: {made.seconds:.1f} s", flush=True)
        frame = folds(known, settings)
        found = peer(frame, Path(scratch), settings.horizon)
    for one in found:
        print("statsforecast, {fits} fits of 4 models, {what}: {seconds:.1f} s".format(**one))
    fastest = min(float(str(one["seconds"])) for one in found)
    print(f"At most {LIMIT:.0f} s: {'holds' if made.seconds <= LIMIT else 'FAILS'}")
    print(f"Less than statsforecast's fastest: {'holds' if made.seconds < fastest else 'FAILS'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
