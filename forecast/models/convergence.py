"""One way to hear from statsmodels that an estimate is not one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from forecast.errors import ModelNotFitted


@contextmanager
def must_converge(name: str) -> Iterator[None]:
    """Raise ModelNotFitted for model `name` where statsmodels would only warn that it did not converge.

    Its other warnings (overflow far from the optimum, a Hessian that needed help) do not concern the
    result, which every model checks for itself.
    """
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as error:
            raise ModelNotFitted(name, "its optimiser did not converge") from error
        except np.linalg.LinAlgError as error:
            raise ModelNotFitted(name, f"its equations could not be solved: {error}") from error
