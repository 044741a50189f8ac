"""Keys: who may call. A key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

from collections.abc import Sequence

from data.store import keys
from service.context import Context
from service.refusals import NotAllowed, NotKnown, Refusal

READ, WRITE = "read", "write"
SCOPES = (READ, WRITE)


def check(context: Context, header: str | None, scope: str) -> str:
    """Name of the key in an Authorization header. Raises NotAllowed unless it reaches `scope`."""
    wanted = f"'Bearer <key>' with a key of scope {scope} (make one with: ytterby keys create)"
    kind, _, plain = (header or "").partition(" ")
    if kind.lower() != "bearer" or not plain.strip():
        raise NotAllowed("no key", wanted)
    with context.engine.connect() as conn:
        key = keys.verify(conn, plain.strip())
    if key is None:
        raise NotAllowed("an unknown or revoked key", wanted)
    if scope not in key.scopes and not (scope == READ and WRITE in key.scopes):
        raise NotAllowed(f"a key of scope {' '.join(key.scopes)}", wanted, known=True)
    return key.name


def make(context: Context, name: str, scopes: tuple[str, ...] = (WRITE,)) -> str:
    """Make a key and return its plain text: the only time that anyone sees it."""
    if not set(scopes) <= set(SCOPES):
        raise Refusal("scope", " ".join(scopes), " or ".join(SCOPES))
    with context.engine.begin() as conn:
        return keys.create(conn, name, scopes, context.clock.now())


def first_key(context: Context) -> str | None:
    """A writing key if none exists yet, else None."""
    with context.engine.connect() as conn:
        if keys.list_keys(conn):
            return None
    return make(context, "first")


def list_keys(context: Context) -> Sequence[keys.Key]:
    """All keys ever made; never their plain text."""
    with context.engine.connect() as conn:
        return keys.list_keys(conn)


def revoke(context: Context, name: str) -> None:
    """Revoke every key of that name. Raises NotKnown when there is none in force."""
    with context.engine.begin() as conn:
        if not any(key.name == name and key.revoked_at is None for key in keys.list_keys(conn)):
            raise NotKnown("name", name, "a key in force that ytterby keys list shows")
        keys.revoke(conn, name, context.clock.now())
