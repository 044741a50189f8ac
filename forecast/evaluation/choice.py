"""From every candidate's errors to what is served: weights, the combination, and whether it may stand.

Cubes are (series u, positions t, steps k) on the panel's calendar, in adjusted log price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.distribution.calibration import WARM_UP, Calibration, calibrate
from forecast.distribution.combination import BENCHMARK, combination_weights, combine, prior_weights
from forecast.distribution.common import News, common_news
from forecast.evaluation.backtest import cutoff_positions
from forecast.evaluation.metrics import pinball
from forecast.evaluation.selection import Decision, decide_promotion
from forecast.types import SCORED_QUANTILES, Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The combination's paths, errors (u, t, k) and ranges; model -> weight a step, (k,); the decision.

    plain: weights of the mixture whose errors are the panel's news, (k,), and that news.
    """

    paths: Array
    errors: Array
    calibration: Calibration
    weights: Mapping[str, Array]
    plain: Mapping[str, Array]
    news: News
    decision: Decision


def score(errors: Array, calibration: Calibration, cutoffs: Sequence[int]) -> tuple[Array, Array]:
    """(pinball, inside 80 %) of one forecaster at the cutoffs, both (u, j, k), NaN where no outcome.

    At cutoff j the range uses errors available at j only; log-price units, mean over 19 quantiles.
    """
    levels = (*SCORED_QUANTILES,)
    loss = np.full((errors.shape[0], len(cutoffs), errors.shape[2]), np.nan)
    inside = loss.copy()
    for j, at in enumerate(cutoffs):
        width = calibration.scale[:, at, :, None] * calibration.shape(at, levels)[None]
        error = errors[:, at]
        loss[:, j] = pinball(error, width, levels)
        held = (error >= width[..., levels.index(0.1)]) & (error <= width[..., levels.index(0.9)])
        inside[:, j] = np.where(np.isfinite(error), held, np.nan)
    return loss, inside


def choose(
    paths: Mapping[str, Array],
    errors: Mapping[str, Array],
    calibrations: Mapping[str, Calibration],
    sd: Array,
    *,
    first: int,
    origins: Sequence[int],
    season: int,
) -> Combined:
    """Weights from past scores, the combination, and the decision whether it replaces the random walk.

    paths, errors, calibrations: by model. sd: (u, t), never NaN. first: position of the oldest quote;
    origins: position of each series' newest. The combination is scored prequentially: at each cutoff with
    the weights known at that cutoff. The shift by common news is that of the prior weights' mixture, which no
    outcome has touched.
    """
    last, steps = sd.shape[1] - 1, errors[BENCHMARK].shape[2]
    cutoffs = cutoff_positions(min(first + WARM_UP, last), last)
    scores = {n: score(e, calibrations[n], cutoffs)[0] for n, e in errors.items()}
    ahead = np.asarray(cutoffs)[:, None] + np.arange(1, steps + 1)[None, :]

    def errors_of(path: Array) -> Array:
        """The random walk's, moved by the difference of the two paths."""
        return np.asarray(errors[BENCHMARK] - (path - paths[BENCHMARK]))

    plain = prior_weights(scores)
    off = errors_of(combine(paths, plain))
    news = common_news(off, sd)
    shift = news.shift(sd)
    weights = combination_weights(scores, ahead <= last)
    combined = combine(paths, weights) + shift
    combined_errors = errors_of(combined)
    calibration = calibrate(combined_errors, sd[:, :, None], season)
    honest = np.full_like(combined_errors, np.nan)
    for known in cutoffs:
        then = combination_weights(scores, ahead <= known)
        path = combine({n: p[:, known] for n, p in paths.items()}, then) + shift[:, known]
        honest[:, known] = combined_errors[:, known] - (path - combined[:, known])
    mine, inside = score(honest, calibration, cutoffs)
    spacing = max((cutoffs[-1] - cutoffs[0]) / max(len(cutoffs) - 1, 1), 1.0)
    decision = decide_promotion(
        mine,
        scores[BENCHMARK],
        inside80=inside,
        step_span=int(np.ceil(steps / spacing)),
        finite=bool(np.isfinite([combined[u, o, 0] for u, o in enumerate(origins)]).all()),
    )
    return Combined(
        paths=combined,
        errors=combined_errors,
        calibration=calibration,
        weights=weights,
        plain=plain,
        news=news,
        decision=decision,
    )
