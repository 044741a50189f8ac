"""Time questions to stored forecasts: six series, in core arithmetic, in the use case and over HTTP.

    python -m tests.benchmarks.scenarios

Trains once on the reference data in a temporary database, then asks each question REPEATS times. The core is
the arithmetic on stored distributions and draws; the use case adds the database and the answer in words, HTTP
the request, the JSON and a real server in this process. CPU time is printed beside the clock: on a machine
that others use too, it is the steadier of the two.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import uvicorn

from data.store import prices
from forecast.distribution.branches import ask
from forecast.events.scenario import switches
from service import fitting, scenarios, startup
from service.app import create_app
from service.context import Context, open_context
from service.hypotheses import read_scenario
from service.settings import Settings
from service.standing import ready

REPEATS = 60
SERIES = [f"{element}-oxide-{market}" for market in ("cn", "eu") for element in ("dy", "nd", "tb")]
DEADLINE = "CN-2027-01-10-EXPIRY"
CLOSURE = {
    "event_id": "closure",
    "probability": 0.2,
    "on": "2027-02-01",
    "elements": {"Dy": "supply", "Tb": "supply", "Nd": "supply"},
    "instrument": "mine-closure",
    "direction": "tighten",
}
LEVELS = {name: [level] for name, level in zip(SERIES, (2000, 1000, 8000, 1500, 300, 6000), strict=True)}
CHANGE = {"event_id": DEADLINE, "what": "probability", "probability": 0.4}
QUESTIONS: dict[str, dict[str, Any]] = {
    "a deadline judged otherwise": {"changes": [CHANGE]},
    "the same, and one level a series": {"changes": [CHANGE], "levels": LEVELS},
    "a hypothetical event": {"hypothetical": [CLOSURE]},
    "the same, and one level a series ": {"hypothetical": [CLOSURE], "levels": LEVELS},
    "both, a level, 4 branches": {"changes": [CHANGE], "hypothetical": [CLOSURE], "levels": LEVELS},
}


def spent(question: Callable[[], object]) -> str:
    """Median and 95 % quantile of the clock, and median CPU time, in milliseconds."""
    question()
    clock, cpu = [], []
    for _ in range(REPEATS):
        began, began_cpu = time.perf_counter(), time.process_time()
        question()
        clock.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    p50, p95 = np.quantile(clock, [0.5, 0.95]) * 1e3
    return f"p50 {p50:7.1f}   p95 {p95:7.1f}   CPU {np.median(cpu) * 1e3:7.1f}"


def core(context: Context, content: dict[str, Any]) -> Callable[[], object]:
    """The arithmetic alone, on forecasts that are unpacked."""
    with context.engine.connect() as conn:
        known = {s.series_id: s for s in prices.list_series(conn)}
        found = ready(context, conn, [known[name] for name in SERIES])
    stated = {e.event_id: e for r in found for e in r.standing.events}
    scenario = read_scenario(content)
    levels = content["levels"] or {}
    logs = [np.log(np.array(levels.get(r.series.series_id, []), dtype=np.float64)) for r in found]

    def answer() -> object:
        return [
            ask(r.standing, switches(scenario, stated, r.standing.events, r.key, r.origin), at)
            for r, at in zip(found, logs, strict=True)
        ]

    return answer


def post(client: httpx2.Client, body: dict[str, Any]) -> httpx2.Response:
    """One request; anything but an answer ends the measurement."""
    return client.post("/v1/scenarios", json=body).raise_for_status()


def main() -> None:
    """Train, ask, print."""
    from service.api.schemas.scenarios import ScenarioIn

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'scenarios.db'}"
        context = open_context(Settings(database_url=url, today="2026-11-24", cutoffs=2, processes=1))
        startup.prepare(context)
        fitting.run_here(context, "benchmark", lambda _: None)
        config = uvicorn.Config(create_app(context=context), host="127.0.0.1", port=0, log_level="error")
        server = uvicorn.Server(config)
        listener = config.bind_socket()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx2.Client(base_url=base, timeout=60) as client:
            for name, question in QUESTIONS.items():
                body = {"series": SERIES, **question}
                content = ScenarioIn.model_validate(body).model_dump()
                print(f"{name.strip()}, {len(SERIES)} series, milliseconds")
                print(f"  core      {spent(core(context, content))}")
                print(f"  use case  {spent(lambda c=content: scenarios.answer(context, c))}")
                print(f"  HTTP      {spent(lambda b=body: post(client, b))}")
        server.should_exit = True
        thread.join(10)
        context.engine.dispose()


if __name__ == "__main__":
    main()
