"""Errors travel between processes with their values and their sentence."""

import copy

import pytest

from forecast.errors import ForecastError, HistoryTooShort, InputError, ModelNotFitted, UnknownModel, WorkLost


@pytest.mark.parametrize(
    "error",
    [
        InputError("y", -1.0, "prices above 0"),
        HistoryTooShort("ets", 3, 24),
        ModelNotFitted("sarimax", "its optimiser did not converge"),
        UnknownModel("arima", ("rw", "ets")),
        WorkLost("the cutoff 2024-05-31", "killed after 1,200 s"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_error_is_the_same_on_the_other_side(error: ForecastError) -> None:
    # what pickle does between processes, by the same protocol
    again = copy.copy(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
