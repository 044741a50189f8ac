"""The filter against closed-form Gaussian conditioning (generalised least squares with the priors)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from forecast.models.premium import PRIORS, PremiumFit, fit_premium

DAYS = ("2025-02-10", "2025-03-31", "2025-05-06", "2025-06-04", "2025-09-18", "2025-09-18", "2026-01-30")
PREMIUMS = (0.20, 0.31, 1.40, 1.31, 1.42, 1.50, 1.66)
SOURCES = ("Argus", "Argus", "Argus", "SMM", "Argus", "SMM", "SMM")


def closed_form(fit: PremiumFit, day: date) -> tuple[float, float]:
    """Mean and sd of the level on `day` from dense covariance matrices, cell after cell of the grid."""
    model, data = fit.model, fit.data
    start, when, last = model.start, float(day.toordinal()), data.day[-1]
    times = np.append(data.day, when)
    in_force = np.stack([model.steps_in_force(t) for t in times])
    same = np.equal.outer(data.assessor, data.assessor)
    prior_mean = model.level_mean + in_force @ model.step_means
    tails = float(np.mean(fit.tails**2))
    weights, means, variances = [], [], []
    for free, controlled, log_prior in zip(model.sd_free, model.sd_controlled, model.log_prior, strict=True):

        def walk(a: float, b: float, free: float = free, controlled: float = controlled) -> float:
            end = min(a, b)
            known = model.years(start, min(end, last))
            beyond = model.years(last, end) if end > last else (0.0, 0.0)
            return (
                free**2 * (known[0] + beyond[0])
                + controlled**2 * known[1]
                + controlled**2 * tails * beyond[1]
                + model.level_sd**2
            )

        cov = np.array([[walk(a, b) for b in times] for a in times])
        cov += in_force @ np.diag(model.step_sds**2) @ in_force.T
        seen = cov[:-1, :-1] + model.offset_sd**2 * same + np.diag(data.sd**2)
        cross = cov[-1, :-1]
        residual = data.z - prior_mean[:-1]
        solved = np.linalg.solve(seen, np.column_stack([residual, cross]))
        means.append(prior_mean[-1] + cross @ solved[:, 0])
        variances.append(cov[-1, -1] - cross @ solved[:, 1])
        log_det = np.linalg.slogdet(seen)[1]
        weights.append(log_prior - 0.5 * (log_det + residual @ solved[:, 0]))
    w = np.exp(np.array(weights) - np.max(weights))
    w /= w.sum()
    mean = float(w @ means)
    return mean, float(np.sqrt(w @ (np.array(variances) + (np.array(means) - mean) ** 2)))


@pytest.mark.parametrize(
    "day", ["2025-02-10", "2025-03-15", "2025-04-04", "2025-05-06", "2025-09-18", "2026-01-30", "2027-05-15"]
)
def test_level_is_the_closed_form(build, day):
    fit = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES))
    assert fit.level_at(date.fromisoformat(day)) == pytest.approx(
        closed_form(fit, date.fromisoformat(day)), abs=1e-6
    )


def test_level_is_the_closed_form_without_a_control(build):
    fit = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES, element="Nd"))
    for day in (date(2025, 7, 1), date(2026, 11, 24)):
        assert fit.level_at(day) == pytest.approx(closed_form(fit, day), abs=1e-6)


def test_one_quote_is_precision_weighting(build):
    """With one quote the level is the textbook average of prior and quote, weighted by precision."""
    fit = fit_premium(build(["2025-03-15"], [0.5], element="Nd"))
    noise = fit.points[0].sd ** 2 + PRIORS.offset_sd**2
    share = PRIORS.level_sd**2 / (PRIORS.level_sd**2 + noise)
    mean, sd = fit.level_at(date(2025, 3, 15))
    assert mean == pytest.approx(PRIORS.level_mean + share * (0.5 - PRIORS.level_mean), abs=1e-9)
    assert sd == pytest.approx(np.sqrt(share * noise), abs=1e-9)


def test_components_add_up(build):
    found = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES)).components
    parts = found["base_level_mean"] + found["control_step_mean"] + found["walk_since_mean"]
    assert found["level_mean"] == pytest.approx(parts, abs=1e-9)
    assert found["drift"] == 0.0
