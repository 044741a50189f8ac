"""What a source is asked with: read from the environment when it is needed, and taken out of all that is
kept."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

from data.sources.definition import BASIC, BEARER, Credential
from service.refusals import Refusal

#: Shorter ones would be found in any file that they are to be taken out of.
SHORTEST = 8


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """name, value: of the header. secrets: every form in which the value may come back."""

    name: str
    value: str
    variable: str
    secrets: tuple[str, ...]

    def hide_in(self, body: bytes) -> bytes:
        """The body without the secret: some servers repeat what they were asked with."""
        for secret in self.secrets:
            body = body.replace(secret.encode(), f"[{self.variable}]".encode())
        return body


def login(credential: Credential) -> Login:
    """Raises Refusal, which never says the value, for a variable that is not set or that no header takes."""
    value = os.environ.get(credential.variable, "")
    if not value:
        raise Refusal(credential.variable, "not set", "the credential, in the environment of this process")
    if len(value) < SHORTEST or not value.isascii() or not value.isprintable() or value != value.strip():
        allowed = f"at least {SHORTEST} printable ASCII characters without blanks around them"
        raise Refusal(credential.variable, "a value that cannot be used", allowed)
    if credential.use == BASIC:
        packed = base64.b64encode(value.encode()).decode()
        password = value.partition(":")[2]
        forms = (value, packed, *((password,) if len(password) >= SHORTEST else ()))
        return Login(
            name="Authorization", value=f"Basic {packed}", variable=credential.variable, secrets=forms
        )
    if credential.use == BEARER:
        return Login(
            name="Authorization", value=f"Bearer {value}", variable=credential.variable, secrets=(value,)
        )
    return Login(name=credential.header, value=value, variable=credential.variable, secrets=(value,))
