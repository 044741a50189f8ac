"""Training runs and the backtest figures they left. A request asks for a run; the worker process fits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from service import training
from service.api.deps import Ctx, Reading, Writing, json_only
from service.api.render import WantsCsv, csv_response
from service.api.schemas.runs import RunIn, RunList, RunOut, ScoreList, ScoreOut

router = APIRouter(prefix="/v1", tags=["training"])

RunId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the run")]
SCORE_COLUMNS = ("series_id", "model", "step", "metric", "value", "low", "high", "n")


@router.get("/training-runs", dependencies=Reading)
def list_runs(
    context: Ctx, limit: Annotated[int, Query(ge=1, le=500, description="At most so many, newest first")] = 50
) -> RunList:
    """Training runs, newest first."""
    return RunList(runs=[RunOut.model_validate(run) for run in training.list_runs(context, limit)])


@router.get("/training-runs/{run_id}", dependencies=Reading)
def get_run(run_id: RunId, context: Ctx) -> RunOut:
    """One training run with its progress."""
    return RunOut.model_validate(training.get_run(context, run_id))


@router.post("/training-runs", status_code=202, dependencies=[*Writing, Depends(json_only)])
def ask_for_run(body: RunIn, context: Ctx, response: Response) -> RunOut:
    """Ask for a training run. It is queued; the worker process takes it up."""
    run = training.request(context, body.reason)
    response.headers["Location"] = f"/v1/training-runs/{run.run_id}"
    return RunOut.model_validate(run)


@router.post("/training-runs/{run_id}/cancel", dependencies=Writing)
def cancel_run(run_id: RunId, context: Ctx) -> RunOut:
    """Cancel a run that is queued or running: nothing of it is stored. Its worker stops within about a
    second."""
    return RunOut.model_validate(training.cancel(context, run_id))


@router.get("/backtests", response_model=ScoreList, dependencies=Reading)
def backtests(
    context: Ctx,
    as_csv: WantsCsv,
    series_id: Annotated[str | None, Query(max_length=100, description="Only this series")] = None,
    model: Annotated[str | None, Query(max_length=60, description="Only this model")] = None,
    metric: Annotated[str | None, Query(max_length=60, description="Only this figure")] = None,
    run_id: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Default: the newest finished run")
    ] = None,
) -> ScoreList | Response:
    """Out-of-sample figures per series, model and months ahead, with block-bootstrap intervals."""
    found, rows = training.scores(context, run_id, series_id=series_id, model=model, metric=metric)
    if as_csv:
        return csv_response("backtests", SCORE_COLUMNS, rows)
    return ScoreList(run_id=found, scores=[ScoreOut.model_validate(row) for row in rows])
