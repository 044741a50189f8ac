"""`ytterby endpoints`: where messages go, and what came of each."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import author, ready_here
from service.commands.output import AsJson, out, print_json, print_table, say, table

if TYPE_CHECKING:
    from data.store.delivery_log import Delivery
    from service.webhooks.log import Detail

app = typer.Typer(no_args_is_help=True, help="Webhook endpoints: where messages go, and what came of each.")

EndpointId = Annotated[
    int, typer.Argument(min=1, metavar="ENDPOINT", help="Number that endpoints list shows.")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    url: Annotated[str, typer.Argument(help="Where to POST; - reads it from standard input.")],
    format: Annotated[
        str, typer.Option(help="standard (signed, as Standard Webhooks), slack or teams.")
    ] = "standard",
) -> None:
    """Add an endpoint, and print the secret that verifies signatures: the only time it can be seen.

    A URL of Slack or Teams is a secret itself: give it on standard input, and it stands in no shell history.

    Example:  ytterby endpoints add Purchasing https://example.org/ytterby
    """
    from service.webhooks import endpoints

    address = sys.stdin.readline().strip() if url == "-" else url
    content = {"name": name, "url": address, "format": format}
    made, secret = endpoints.create(ready_here(), content, author())
    if secret is not None:
        out.print(secret, soft_wrap=True)
        say("Its secret, shown this once: the receiver checks signatures with it (Standard Webhooks).")
    say(f"Added endpoint {made.endpoint_id}. Try it: ytterby endpoints test {made.endpoint_id}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List endpoints and how each answers."""
    from service.webhooks import endpoints

    found = endpoints.list_(ready_here())
    if as_json:
        print_json(found)
        return
    made = table(None, "endpoint", "name", "format", "state", "answers", "url", right=("endpoint",),
                 words=("name", "state", "answers"))  # fmt: skip
    for one in found:
        state = one.state if one.reason is None else f"{one.state}: {one.reason}"
        made.add_row(str(one.endpoint_id), one.name, one.format, state, endpoints.answers(one), one.url)
    print_table(made)


@app.command()
def show(endpoint_id: EndpointId, as_json: AsJson = False) -> None:
    """Show one endpoint and the last messages to it."""
    from service.webhooks import endpoints, log

    context = ready_here()
    found = endpoints.get(context, endpoint_id)
    sent = log.list_deliveries(context, endpoint_id=endpoint_id, limit=10)
    if as_json:
        print_json({"endpoint": found, "deliveries": sent})
        return
    out.print(f"{found.name} (endpoint {endpoint_id}), {found.format}", style="bold", markup=False)
    out.print(found.url, markup=False, soft_wrap=True)
    why = "" if found.reason is None else f" ({found.reason})"
    out.print(
        f"{found.state}{why}; {endpoints.answers(found)}; version {found.version}",
        markup=False,
        soft_wrap=True,
    )
    _print_deliveries(sent)


@app.command()
def test(endpoint_id: EndpointId) -> None:
    """Send a message of type `test`. A worker has to run: it is what sends."""
    from service.webhooks import endpoints

    delivery_id = endpoints.send_test(ready_here(), endpoint_id)
    out.print(str(delivery_id))
    say(f"Queued as delivery {delivery_id}. What came of it: ytterby endpoints deliveries {delivery_id}")


@app.command()
def rotate(endpoint_id: EndpointId) -> None:
    """Make a new secret and print it, this once. For 24 hours the one before signs beside it."""
    from service.webhooks import endpoints

    context = ready_here()
    version = endpoints.get(context, endpoint_id).version
    out.print(endpoints.rotate_secret(context, endpoint_id, version), soft_wrap=True)
    say("The new secret, shown this once. Both sign for 24 hours.")


@app.command()
def enable(endpoint_id: EndpointId) -> None:
    """Send there again, after it was disabled."""
    from service.webhooks import endpoints

    context = ready_here()
    endpoints.enable(context, endpoint_id, endpoints.get(context, endpoint_id).version)
    say(f"Enabled. What was given up meanwhile: ytterby endpoints recover {endpoint_id} --since ...")


@app.command()
def remove(endpoint_id: EndpointId) -> None:
    """Send nothing more there and forget its secret. What was sent stays in the log."""
    from service.webhooks import endpoints

    context = ready_here()
    endpoints.delete(context, endpoint_id, endpoints.get(context, endpoint_id).version)
    say(f"Removed endpoint {endpoint_id}.")


@app.command()
def deliveries(
    delivery_id: Annotated[
        int | None, typer.Argument(min=1, metavar="[DELIVERY]", help="One of them, with every attempt.")
    ] = None,
    endpoint: Annotated[int | None, typer.Option(min=1, help="Only to this endpoint.")] = None,
    state: Annotated[str | None, typer.Option(help="queued, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List messages and what came of them, newest first; or show one with every attempt."""
    from service.webhooks import log

    context = ready_here()
    if delivery_id is not None:
        detail = log.get_delivery(context, delivery_id)
        print_json(detail) if as_json else _show(detail)
        return
    found = log.list_deliveries(context, endpoint_id=endpoint, state=state, limit=limit)
    print_json(found) if as_json else _print_deliveries(found)


@app.command()
def retry(delivery_id: Annotated[int, typer.Argument(min=1, metavar="DELIVERY")]) -> None:
    """Try a delivery again now, one that waits or failed."""
    from service.webhooks import log

    log.retry(ready_here(), delivery_id)
    say(f"Queued. What came of it: ytterby endpoints deliveries {delivery_id}")


@app.command()
def recover(
    endpoint_id: EndpointId,
    since: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], metavar="YYYY-MM-DD[THH:MM]", help="In UTC."),
    ],
) -> None:
    """Queue again what failed for good, of messages made since then. The oldest go first."""
    from service.webhooks import endpoints

    count = endpoints.recover(ready_here(), endpoint_id, since.replace(tzinfo=UTC))
    say(f"Queued {count} again.")


def _print_deliveries(found: tuple[Delivery, ...]) -> None:
    made = table(None, "delivery", "made (UTC)", "to", "type", "state", "title", right=("delivery", "to"),
                 words=("state", "title"))  # fmt: skip
    for one in found:
        state = one.state
        if one.state == "queued" and one.failures:
            state += f", {one.failures} failed, next {one.due_at:%Y-%m-%d %H:%M}"
        elif one.reason is not None:
            state += f": {one.reason}"
        made.add_row(str(one.delivery_id), f"{one.created_at:%Y-%m-%d %H:%M}", str(one.endpoint_id), one.type,
                     state, one.title)  # fmt: skip
    print_table(made)


def _show(detail: Detail) -> None:
    one = detail.delivery
    out.print(
        f"{one.title} (delivery {one.delivery_id}), {one.type}", style="bold", markup=False, soft_wrap=True
    )
    why = "" if one.reason is None else f": {one.reason}"
    out.print(
        f"{one.message_id} to endpoint {one.endpoint_id}: {one.state}{why}", markup=False, soft_wrap=True
    )
    made = table(None, "attempt", "at (UTC)", "outcome", "status", "ms", "error", "answer",
                 right=("attempt", "status", "ms"), words=("error", "answer"))  # fmt: skip
    for a in detail.attempts:
        cells = ["-" if v is None else str(v) for v in (a.status, a.milliseconds, a.error, a.answer)]
        made.add_row(str(a.number), f"{a.started_at:%Y-%m-%d %H:%M:%S}", a.outcome, *cells)
    print_table(made)
    out.print(detail.body, markup=False, soft_wrap=True)
