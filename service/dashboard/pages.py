"""Pages for people: `/`, `/series/{series_id}`, `/alerts`, `/track-record`, and the files they need.

Errors are pages too, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from forecast.errors import ForecastError
from service import auth, training
from service.answers import ForecastQuery
from service.context import Context
from service.dashboard import assets, detail, overview, watch
from service.dashboard.numbers import FILTERS
from service.dashboard.record import record_page
from service.dashboard.sparkline import HEIGHT, WIDTH
from service.dashboard.waiting import REFRESH_SECONDS, training_now
from service.errors import PROBLEMS, status_of
from service.query import CURRENCIES, TAXES, UNITS, make_query
from service.record.track import Asked
from service.refusals import NotYet
from service.version import VERSION

CHOICES: Mapping[str, tuple[str, ...]] = {"currency": CURRENCIES, "unit": UNITS, "tax": TAXES}


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(
        address=assets.address,
        version=VERSION,
        choices=CHOICES,
        refresh_seconds=REFRESH_SECONDS,
        spark_width=WIDTH,
        spark_height=HEIGHT,
    )
    return made


_PAGES = _environment()


def render(template: str, status: int = 200, **values: object) -> Response:
    """A page as a response; never kept by a browser, since prices change under it."""
    text = _PAGES.get_template(template).render(**values)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def asked(request: Request, quantiles: tuple[float, ...]) -> ForecastQuery:
    """The basis chosen in the form. An empty choice is the series' own. Raises Refusal."""
    chosen = request.query_params
    query = make_query(
        currency=chosen.get("currency") or None,
        unit=chosen.get("unit") or None,
        tax=chosen.get("tax") or None,
    )
    return replace(query, quantiles=quantiles)


def carried(query: ForecastQuery) -> str:
    """The chosen basis as the tail of a link to another page, empty for the series' own."""
    chosen = {name: getattr(query, name) for name in CHOICES}
    kept = urlencode({name: value for name, value in chosen.items() if value is not None})
    return f"?{kept}" if kept else ""


def front(request: Request) -> Response:
    """All series."""

    def page(context: Context) -> Response:
        query = asked(request, overview.QUANTILES)
        found = overview.overview(context, query)
        return render("overview.html", page=found, query=query, carried=carried(query))

    return _answer(request, page)


def series(request: Request) -> Response:
    """One series."""

    def page(context: Context) -> Response:
        query = asked(request, detail.QUANTILES)
        found = detail.detail(context, request.path_params["series_id"], query)
        return render("series.html", page=found, query=query, carried=carried(query))

    return _answer(request, page)


def alerts(request: Request) -> Response:
    """What is watched, and who was told."""
    return _answer(request, lambda context: render("alerts.html", page=watch.alerts_page(context)))


def record(request: Request) -> Response:
    """How issued forecasts did."""

    def page(context: Context) -> Response:
        chosen = request.query_params
        asked = Asked(record=chosen.get("record") or "live", vintage=chosen.get("vintage") or "first")
        return render("record.html", page=record_page(context, asked))

    return _answer(request, page)


def static(request: Request) -> Response:
    """One file."""
    return _answer(request, lambda _context: assets.serve(request), public=True)


def _answer(request: Request, page: Callable[[Context], Response], *, public: bool = False) -> Response:
    """The page, or a page that says in words why there is none."""
    context = cast(Context, request.app.state.context)
    try:
        if not (public or context.settings.is_embedded):
            auth.check(context, request.headers.get("authorization"), auth.READ)
        return page(context)
    except NotYet as error:
        now = training_now(training.list_runs(context, 1))
        return render("waiting.html", status_of(error), training=now, why=str(error))
    except ForecastError as error:
        status = status_of(error)
        return render("problem.html", status, title=PROBLEMS[status][1], error=error, code=status)


router = APIRouter(
    routes=[
        Route("/", front, include_in_schema=False),
        Route("/series/{series_id}", series, include_in_schema=False),
        Route("/alerts", alerts, include_in_schema=False),
        Route("/track-record", record, include_in_schema=False),
        Route("/static/{mark}/{name}", static, include_in_schema=False),
    ]
)
