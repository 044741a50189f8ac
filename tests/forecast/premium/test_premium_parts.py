"""What a premium is made of: exact sums, the closed form, planted truths, and nothing from the future."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from forecast.errors import InputError
from forecast.events.event import EventChange, Stage
from forecast.models.premium import PRIORS, fit_premium
from forecast.models.premium_filter import mixture_quantile
from forecast.models.premium_parts import decompose, reference_day, source_changes
from forecast.models.premium_sensitivity import labels, premium_parts, sensitivity

DAYS = ("2025-02-10", "2025-03-31", "2025-05-06", "2025-06-04", "2025-09-18", "2025-09-18", "2026-01-30")
PREMIUMS = (0.20, 0.31, 1.40, 1.31, 1.42, 1.50, 1.66)
SOURCES = ("Argus", "Argus", "Argus", "SMM", "Argus", "SMM", "SMM")
EVE = date(2025, 4, 3)
ONE_CELL = replace(PRIORS, sd_grid=(0.3,))

#: Nd in Europe as it was quoted: the source and the multiple change together, and no event explains it.
ND = {
    "days": ["2024-04-11", "2024-06-20", "2026-01-09", "2026-02-13"],
    "premiums": np.log(1.13 * np.array([1.03, 1.06, 1.75, 1.97])),
    "sources": ["Fastmarkets", "Fastmarkets", "SMM", "SMM"],
}


def nd(build):
    return build(ND["days"], ND["premiums"], sources=ND["sources"], element="Nd")


def values(at, field="mean"):
    return {p.name: getattr(p, field) for p in at.parts}


def test_parts_add_up_on_every_day_in_logs_and_in_money(build):
    fit = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES))
    path = decompose(fit)
    assert [at.day for at in path] == [EVE, *sorted({date.fromisoformat(d) for d in DAYS[2:]})]
    for at in path:
        assert sum(p.mean for p in at.parts) == pytest.approx(at.premium.mean, abs=1e-12)
        assert sum(p.mean for p in at.steps) == pytest.approx(values(at)["controls"], abs=1e-12)
    assert path[0].base_price is None
    assert path[0].premium.per_unit is None
    for at in path[1:]:
        assert at.base_price == pytest.approx(1000.0)  # 1130 CNY/kg less VAT
        assert sum(p.per_unit.mean for p in at.parts) == pytest.approx(at.premium.per_unit.mean, rel=1e-12)
        price = 1000 * np.exp([at.premium.mean, at.premium.low, at.premium.high])
        assert astuple(at.premium.per_unit) == pytest.approx(tuple(price - 1000))
        assert astuple(at.multiple_incl_vat) == pytest.approx(tuple(price / 1130))


def test_the_parts_are_those_of_the_level_that_is_forecast(build):
    """Controls and drift are the components of the fit; the premium is its level with the source's offset."""
    fit = fit_premium(build(DAYS, PREMIUMS, sources=["Argus"] * len(DAYS)))
    last, found = decompose(fit)[-1], fit.components
    assert values(last)["controls"] == pytest.approx(found["control_step_mean"], abs=1e-9)
    assert values(last, "sd")["controls"] == pytest.approx(found["control_step_sd"], abs=1e-9)
    assert values(last)["drift"] == pytest.approx(found["walk_since_mean"], abs=1e-9)
    assert values(last, "sd")["drift"] == pytest.approx(found["walk_since_sd"], abs=1e-9)
    bare = fit_premium(build(DAYS, PREMIUMS, sources=["Argus"] * 7), replace(PRIORS, offset_sd=1e-9))
    assert decompose(bare)[-1].premium.mean == pytest.approx(bare.level_at(bare.last_day)[0], abs=1e-9)


def test_one_cell_is_the_closed_form(build):
    """Dense Gaussian conditioning of [p(r), p(t), step, offsets] on the quotes."""
    fit = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES), ONE_CELL)
    model, data = fit.model, fit.data
    day = date(2025, 6, 4)
    times = np.array([*data.day, EVE.toordinal(), day.toordinal()])
    n = len(data.day)
    walk = model.level_sd**2 + 0.3**2 / 365.25 * (np.minimum.outer(times, times) - model.start)
    cov = np.diag([0.0] * (n + 2) + [PRIORS.step_sd**2] + [PRIORS.offset_sd**2] * 2)
    cov[: n + 2, : n + 2] = walk
    # forms of the quotes and of the parts over [p at the quotes, p(r), p(t), step, offset of argus, of smm]
    seen = np.zeros((n, n + 5))
    seen[range(n), range(n)] = 1
    seen[:, n + 2] = data.day >= date(2025, 4, 4).toordinal()
    seen[range(n), n + 3 + data.assessor] = 1
    unit = np.eye(n + 5)
    r, t, s, argus, smm = unit[n:]
    parts = np.array([r + argus, s, smm - argus, t - r])
    mean = np.zeros(n + 5)
    mean[: n + 2], mean[n + 2] = PRIORS.level_mean, PRIORS.step_mean
    gain = cov @ seen.T @ np.linalg.inv(seen @ cov @ seen.T + np.diag(data.sd**2))
    wanted = parts @ (mean + gain @ (data.z - seen @ mean))
    sds = np.sqrt(np.diag(parts @ (cov - gain @ seen @ cov) @ parts.T))
    prior_sds = np.sqrt(np.diag(parts @ cov @ parts.T))
    (at,) = decompose(fit, [day])
    assert at.assessor == "smm"
    assert [p.mean for p in at.parts] == pytest.approx(wanted, abs=1e-6)
    assert [p.sd for p in at.parts] == pytest.approx(sds, abs=1e-6)
    for p, m, sd, prior in zip(at.parts, wanted, sds, prior_sds, strict=True):
        assert (p.low, p.high) == pytest.approx(norm.ppf([0.05, 0.95], m, sd), abs=1e-6)
        assert p.learned == pytest.approx(1 - sd**2 / prior**2, abs=1e-6)


def test_quantiles_of_a_mixture_are_exact():
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.ones(7))
    means, sds = rng.normal(size=(3, 7)), rng.uniform(0.01, 2, (3, 7))
    for q in (0.05, 0.5, 0.95):
        found = mixture_quantile(q, weights, means, sds)
        assert (norm.cdf(found[:, None], means, sds) @ weights) == pytest.approx(np.full(3, q), abs=1e-12)


def test_planted_step_and_offset_come_back(build):
    """Two sources side by side for a year, 0.08 apart; a step of 1.1 with quotes on both eves."""
    rng = np.random.default_rng(11)
    weeks = pd.date_range("2024-10-01", "2026-01-15", freq="7D").append(
        pd.DatetimeIndex(["2025-04-02", "2025-04-03", "2025-04-04", "2025-04-05"])
    ).sort_values()  # fmt: skip
    stamps = [str(d.date()) for d in weeks for _ in range(2)]
    sources = ["Argus", "SMM"] * len(weeks)
    # the walk is slow, so that the step stands out
    level = 0.15 + np.repeat(rng.normal(0, 0.02, len(weeks)).cumsum() * 0.3, 2)
    level += np.where([s >= "2025-04-04" for s in stamps], 1.1, 0.0)
    level += np.where([s == "SMM" for s in sources], 0.08, 0.0) + rng.normal(0, 0.03, len(stamps))
    fit = fit_premium(build(stamps, level.tolist(), sources=sources))
    last = decompose(fit)[-1]
    by_name = {p.name: p for p in last.parts}
    assert by_name["controls"].mean == pytest.approx(1.1, abs=0.1)
    assert by_name["controls"].low < 1.1 < by_name["controls"].high
    (change,) = source_changes(fit)  # of many to and fro
    assert (change.was, change.now) == ("smm", "argus")
    assert -change.part.mean == pytest.approx(0.08, abs=0.02)
    assert change.told_apart
    assert premium_parts(fit)["notes"] == []
    path = decompose(fit)
    assert len(path) == 16
    assert (path[0].day, path[-1].day) == (EVE, fit.last_day)


def test_one_source_has_no_change_of_source(build):
    fit = fit_premium(build(DAYS, PREMIUMS, sources=["Argus"] * len(DAYS)))
    (source,) = [p for p in decompose(fit)[-1].parts if p.name == "source_change"]
    assert (source.mean, source.sd, source.low, source.high, source.learned) == (0, 0, 0, 0, None)
    assert source_changes(fit) == ()
    found = premium_parts(fit)
    assert found["labels"]["source_change"] == "none"
    assert found["notes"] == []
    assert all(c["parts"]["source_change"]["mean"] == 0 for c in found["sensitivity"])


def test_a_new_source_with_a_new_level_is_not_told_apart(build):
    """What the source carries is what its prior lets it carry; the rest is drift, and both say prior-led."""
    fit = fit_premium(nd(build))
    (change,) = source_changes(fit)
    assert change.jump
    assert not change.told_apart
    last = decompose(fit)[-1]
    assert values(last)["controls"] == 0.0
    changes = {(c.prior, c.factor): c for c in sensitivity(fit)}
    assert not {name for name, _ in changes} & {"step_mean", "step_sd", "sd_controlled"}
    carried = [
        {p.name: p.mean for p in parts}
        for parts in (changes["offset_sd", 0.5].parts, last.parts, changes["offset_sd", 2.0].parts)
    ]
    assert 0 < carried[0]["source_change"] < carried[1]["source_change"] < carried[2]["source_change"]
    assert carried[0]["drift"] > carried[1]["drift"] > carried[2]["drift"]
    assert labels(last.parts, sensitivity(fit))["source_change"] == "prior-led"
    (note,) = premium_parts(fit)["notes"]
    assert "from fastmarkets (2024-06-20) to smm (2026-01-09)" in note
    assert "spread of 0.05" in note
    back = build(ND["days"], ND["premiums"], sources=["SMM", "Fastmarkets", "SMM", "SMM"], element="Nd")
    assert premium_parts(fit_premium(back))["notes"] == []


def test_a_stronger_prior_pulls_its_part_and_a_label_follows(build):
    fit = fit_premium(build(["2025-03-31", "2025-05-06"], [0.2, 1.4]))
    changes = {(c.prior, c.factor): c for c in sensitivity(fit)}
    controls = {key: c.parts[1].mean for key, c in changes.items()}
    assert controls["step_mean", 0.5] < controls["step_mean", 2.0]
    assert controls["step_sd", 0.5] < controls["step_sd", 2.0]  # a tight prior holds it near 0.5
    width = {key: c.parts[1].high - c.parts[1].low for key, c in changes.items()}
    assert width["sd_controlled", 0.5] < width["sd_controlled", 2.0]
    assert changes["step_sd", 2.0].value == 2 * PRIORS.step_sd
    last = decompose(fit)[-1]
    assert labels(last.parts, list(changes.values()))["controls"] == "from quotes"
    blind = fit_premium(build(["2025-12-10"], [1.0]))  # no quote before the control: the base is assumed
    assert labels(decompose(blind)[-1].parts, sensitivity(blind))["base"] == "prior-led"


def test_a_change_of_prior_is_a_fit_under_that_prior(build):
    inp = build(DAYS, PREMIUMS, sources=SOURCES)
    fit = fit_premium(inp)
    (change,) = [c for c in sensitivity(fit) if (c.prior, c.factor) == ("step_sd", 2.0)]
    other = fit_premium(inp, replace(PRIORS, step_sd=2 * PRIORS.step_sd))
    for got, want in zip(change.parts, decompose(other)[-1].parts, strict=True):
        assert (got.mean, got.low, got.high) == pytest.approx((want.mean, want.low, want.high), abs=1e-9)
    gain = other.components["log_evidence"] - fit.components["log_evidence"]
    assert change.log_evidence == pytest.approx(gain, abs=1e-9)


def test_a_lifting_is_a_step_of_its_own(build, licence):
    lifted = date(2025, 8, 1)
    end = EventChange(stage=Stage.LIFTED, on=lifted, known_on=lifted)
    event = replace(licence, changes=(*licence.changes, end))
    fit = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES, events=(event,)))
    path = {at.day: at for at in decompose(fit)}
    assert [p.name for p in path[date(2025, 6, 4)].steps] == ["LICENCE"]
    assert [p.name for p in path[date(2025, 9, 18)].steps] == ["LICENCE", "LICENCE:lifting"]
    assert {c.prior for c in sensitivity(fit)} >= {"easing_mean", "easing_sd"}


def test_nothing_known_later_enters(build, licence):
    known = date(2025, 6, 10)
    fit = fit_premium(build(DAYS, PREMIUMS, sources=SOURCES, known_at=known))
    later = (*PREMIUMS[:4], 9.0, 9.0, 9.0)
    assert premium_parts(fit) == premium_parts(
        fit_premium(build(DAYS, later, sources=[*SOURCES[:4], "Later", "Later", "Later"], known_at=known))
    )
    assert fit.last_day == date(2025, 6, 4)
    late = tuple(replace(c, known_on=date(2025, 7, 1)) for c in licence.changes)
    unknown = fit_premium(build(DAYS, PREMIUMS, events=(replace(licence, changes=late),), known_at=known))
    assert reference_day(unknown) == date(2025, 2, 10)
    assert values(decompose(unknown)[-1])["controls"] == 0.0


def test_a_control_after_the_last_quote_moves_nothing(build):
    fit = fit_premium(build(DAYS[:2], PREMIUMS[:2]))
    assert reference_day(fit) == fit.last_day == date(2025, 3, 31)
    (only,) = decompose(fit)
    assert (values(only)["controls"], values(only)["drift"]) == (0.0, 0.0)


def test_days_outside_are_refused(build):
    fit = fit_premium(build(DAYS, PREMIUMS))
    for day in (date(2025, 4, 2), date(2026, 1, 31)):
        with pytest.raises(InputError, match="2025-04-03 to 2026-01-30"):
            decompose(fit, [day])
