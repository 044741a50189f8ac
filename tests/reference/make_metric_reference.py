"""Make the reference numbers of tests/forecast/evaluation/test_metrics.py with other people's code.

    python tests/reference/make_metric_reference.py

Pinball: sklearn.metrics.mean_pinball_loss per quantile, averaged. MASE and RMSSE: their definitions
(Hyndman and Koehler 2006; M5 competitors' guide) written out in plain Python. Interval score: equation
43 of Gneiting and Raftery (2007) written out.
"""

from __future__ import annotations

import itertools

from sklearn.metrics import mean_pinball_loss

HISTORY = [10.0, 12.0, 11.0, 15.0, 14.0, 18.0]
ACTUAL = [20.0, 17.0, 25.0]
PREDICTED = {0.1: [15.0, 14.0, 13.0], 0.5: [18.0, 18.0, 18.5], 0.9: [22.0, 24.0, 24.5]}


def main() -> None:
    losses = [mean_pinball_loss(ACTUAL, p, alpha=q) for q, p in PREDICTED.items()]
    print("pinball", repr(sum(losses) / len(losses)))
    changes = [b - a for a, b in itertools.pairwise(HISTORY)]
    errors = [a - p for a, p in zip(ACTUAL, PREDICTED[0.5], strict=True)]
    print("mase", repr(sum(map(abs, errors)) / 3 / (sum(map(abs, changes)) / 5)))
    print("rmsse", repr((sum(e * e for e in errors) / 3 / (sum(c * c for c in changes) / 5)) ** 0.5))
    scores = []
    for a, low, high in zip(ACTUAL, PREDICTED[0.1], PREDICTED[0.9], strict=True):
        scores.append((high - low) + (2 / 0.2) * max(low - a, 0.0) + (2 / 0.2) * max(a - high, 0.0))
    print("interval", [round(s, 12) for s in scores])


if __name__ == "__main__":
    main()
