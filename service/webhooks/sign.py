"""Signatures of Standard Webhooks, version v1: base64 of HMAC-SHA256 over `id.timestamp.body`. Pure.

Source: the specification at standardwebhooks.com, "Signature scheme".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_MARK = "whsec_"
_NEW_BYTES = 32


def new_secret() -> str:
    """A fresh secret: `whsec_` and base64 of 32 random bytes (the specification asks for 24 to 64)."""
    return _MARK + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def key(secret: str) -> bytes:
    """The bytes of a secret that new_secret() made."""
    return base64.b64decode(secret.removeprefix(_MARK), validate=True)


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature. timestamp: of this attempt, in whole seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key(secret), signed, hashlib.sha256)).decode()


def headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. During a rotation there is a signature for each secret, parted by spaces; without a
    secret there is none."""
    named = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    signed = [signature(secret, message_id, timestamp, body) for secret in secrets]
    return named | ({"webhook-signature": " ".join(signed)} if signed else {})
