"""Use cases about the demonstration data, and what the database holds."""

from __future__ import annotations

from data.reference import load as shipped
from data.store import events, forecasts, jobs, prices, runs
from data.store.migrate import schema_state
from service.catalogue import notice_on
from service.context import Context


def load(context: Context) -> None:
    """Load the demonstration data; twice changes nothing."""
    with context.engine.begin() as conn:
        shipped.load_reference(conn, context.clock.now())
        jobs.want(conn, jobs.RETRAIN, "demonstration data loaded", context.clock.now())


def remove(context: Context) -> None:
    """Remove the demonstration data and what was computed from it."""
    with context.engine.begin() as conn:
        shipped.remove_reference(conn, context.clock.now())
        jobs.want(conn, jobs.RETRAIN, "demonstration data removed", context.clock.now())


def status(context: Context) -> dict[str, object]:
    """What the database holds, by name."""
    state = schema_state(context.engine)
    found: dict[str, object] = {
        "database": context.engine.url.render_as_string(hide_password=True),
        "schema": state.revision or "none",
        "schema_needed": state.head,
    }
    if not state.current:
        return found | {"to_do": "ytterby migrate"}
    with context.engine.connect() as conn:
        known = prices.list_series(conn)
        quotes = prices.load(conn)
        history = runs.list_runs(conn, limit=1)
        return found | {
            "series": len(known),
            "quotes": len(quotes),
            "newest_quote": max((q.ds.isoformat() for q in quotes), default="none"),
            "events": len(events.list_events(conn)),
            "series_with_forecast": len(forecasts.latest_issued_at(conn)),
            "newest_run": f"{history[0].run_id} {history[0].state}" if history else "none",
            "demonstration_data": notice_on(conn) or "none",
        }
