"""A fit that went through JSON is the fit it was: same paths, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from forecast.errors import InputError
from forecast.models import FITTED, MODELS
from forecast.models.base import FitInput, Model
from forecast.models.stored import from_plain, to_plain


def data() -> FitInput:
    rng = np.random.default_rng(3)
    n = 130
    step = (np.arange(n) >= 60).astype(float)[:, None]
    y = 4.0 + np.cumsum(rng.standard_normal(n) * 0.05) + 0.3 * step[:, 0]
    y[40:44] = np.nan
    periods = pd.period_range("2010-03", periods=n, freq="M")
    return FitInput(y=y, periods=periods, season=12, exog=step, exog_names=("export-barrier",))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_a_fit_survives_json(model: Model) -> None:
    given = data()
    fitted = model.fit(given)
    again = from_plain(json.loads(json.dumps(to_plain(fitted), allow_nan=False)), FITTED)
    assert type(again) is type(fitted)
    assert dict(again.parameters) == dict(fitted.parameters)
    origins = np.arange(70, 130)
    np.testing.assert_array_equal(again.paths(given, origins, 12), fitted.paths(given, origins, 12))


def test_what_json_cannot_give_back_is_refused() -> None:
    for value in (float("nan"), {1, 2}, object()):
        with pytest.raises(InputError, match="parameter"):
            to_plain(value)
    with pytest.raises(InputError, match="FittedEts"):
        from_plain({"$": "Unknown"}, FITTED)
    trees = np.array([[0.5, np.inf], [np.nan, -np.inf]])
    np.testing.assert_array_equal(from_plain(json.loads(json.dumps(to_plain(trees))), FITTED), trees)
