"""Secrets at rest: encrypted with keys that only the environment holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from forecast.errors import ForecastError
from service.refusals import Refusal
from service.settings import Settings, fernet_keys
from service.webhooks import sign

#: How long both secrets sign after a rotation.
OVERLAP = timedelta(hours=24)


class SecretUnreadable(ForecastError):
    """A stored secret that none of the keys opens."""

    def __init__(self) -> None:
        super().__init__("none of the keys in YTTERBY_SECRET_KEY opens the secret of this endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What is secret of an endpoint. signing: secrets, the newest first, each with the instant after which it
    signs no more (None: none set). url: where the URL itself is the secret."""

    signing: tuple[tuple[str, datetime | None], ...] = ()
    url: str | None = None

    @classmethod
    def new(cls) -> Secret:
        """A fresh signing secret."""
        return cls(signing=((sign.new_secret(), None),))

    @property
    def newest(self) -> str:
        """The signing secret that stays."""
        return self.signing[0][0]

    def rotated(self, now: datetime) -> Secret:
        """A fresh signing secret first; those before it go on signing for OVERLAP at most."""
        until = now + OVERLAP
        old = tuple((secret, min(end or until, until)) for secret, end in self.signing)
        return Secret(signing=(*Secret.new().signing, *(one for one in old if one[1] > now)))

    def in_force(self, now: datetime) -> Sequence[str]:
        """Secrets that sign at this instant."""
        return [secret for secret, end in self.signing if end is None or end > now]


class Vault:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: Secret) -> str:
        """The secret as text that may be stored."""
        signing = [[text, end and end.isoformat()] for text, end in secret.signing]
        plain = json.dumps({"signing": signing, "url": secret.url})
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> Secret:
        """The secret again. Raises SecretUnreadable."""
        try:
            found = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise SecretUnreadable from None
        signing = tuple((text, end and datetime.fromisoformat(end)) for text, end in found["signing"])
        return Secret(signing=signing, url=found["url"])

    def again(self, sealed: str) -> str:
        """The same encrypted with the first key. Raises SecretUnreadable."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable from None


def new_key() -> str:
    """A key for YTTERBY_SECRET_KEY."""
    return Fernet.generate_key().decode()


def vault(settings: Settings) -> Vault | None:
    """The vault of these settings; None without a key."""
    keys = fernet_keys(settings.secret_key)
    return Vault(keys) if keys else None


def needed_vault(settings: Settings) -> Vault:
    """The vault of these settings. Raises Refusal without a key, saying how to make one."""
    found = vault(settings)
    if found is None:
        allowed = "a key that encrypts secrets; ytterby keys encryption-key prints one"
        raise Refusal("YTTERBY_SECRET_KEY", "none", allowed)
    return found
