"""From a price posted over HTTP to a request whose signature is right: python -m tests.benchmarks.latency

The service and a worker beside it, on SQLite, with nothing else to do; a rule that each price sets off, and a
receiver in this process that verifies what it takes. The clock runs from the first byte sent to the API until
the receiver has verified the message.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import numpy as np
from standardwebhooks import Webhook

from service import auth
from service.webhooks import endpoints
from tests.benchmarks import bench
from tests.benchmarks.start import free_port, get
from tests.chaos.alerting_world import FIRST, HIGH, LOW, environment, name, settings, world
from tests.support.receiver import CALM, Receiver, receiving

PRICES, LIMIT, PATIENCE = 30, 2.0, 60.0
PATHS = ("/one", "/two")


def post(port: int, key: str, k: int) -> None:
    """The k-th price, on the other side of the threshold than the one before."""
    day = (FIRST + timedelta(days=k + 1)).isoformat()
    row = {"ds": day, "y": LOW if k % 2 else HIGH, "kind": "point", "available_on": day, "source": "bench"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    path = f"/v1/series/{name(0)}/observations"
    connection.request("POST", path, json.dumps({"rows": [row]}), headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"status {answer.status}: {said.decode()}")


def told(receiver: Receiver, verifier: Webhook, count: int) -> None:
    """Return as soon as the receiver has taken so many messages and the newest is verified."""
    give_up = time.perf_counter() + PATIENCE
    while len(taken := [one for one in receiver.taken if one.path == PATHS[0]]) < count:
        if time.perf_counter() > give_up:
            raise RuntimeError(f"{len(taken)} messages came, {count} were waited for")
        time.sleep(0.002)
    verifier.verify(taken[-1].body, dict(taken[-1].headers))


def main() -> int:
    """Print median and worst."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ytterby-latency-"))
        chosen = settings(f"sqlite:///{Path(folder, 'bench.db')}", threads=8)
        receiver = stack.enter_context(receiving(CALM))
        context = stack.enter_context(world(chosen, receiver, 1, PATHS))
        first, _ = endpoints.list_(context)
        secret = endpoints.rotate_secret(context, first.endpoint_id, version=first.version)
        key = auth.make(context, "bench")
        port = free_port()
        env = environment(chosen) | {"PYTHONPATH": str(bench.ROOT), "YTTERBY_LOG_LEVEL": "error"}
        serve = ("service.cli", "serve", "--no-worker", "--no-reference", "--port", str(port))
        for words in (serve, ("service.worker",)):
            process = subprocess.Popen([sys.executable, "-m", *words], env=env, stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        while get(port, "/v1/series") is None:
            time.sleep(0.1)
        verifier, taken = Webhook(secret), []
        for k in range(PRICES):
            began = time.perf_counter()
            post(port, key, k)
            told(receiver, verifier, k + 1)
            taken.append(time.perf_counter() - began)
            time.sleep(0.37)  # so that it strikes the worker at any point of its pause
    middle, worst = np.quantile(taken, [0.5, 1.0])
    print(
        f"price posted to signature verified, {PRICES} times on SQLite: median {middle:.2f} s, "
        f"worst {worst:.2f} s"
    )
    print(f"at most {LIMIT:.0f} s {'holds' if worst <= LIMIT else 'FAILS'}; load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
