"""Settings, from the environment (prefix YTTERBY_) and nowhere else."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service.addresses import Networks, networks
from service.refusals import Refusal
from service.schedule import parse, parse_length, parse_zone

Found = TypeVar("Found")
LONGEST_DEBOUNCE = timedelta(hours=2)
_PREFIX = "YTTERBY_"
_DASK = re.compile(r"dask(\+tls)?://(\[[0-9a-fA-F:.]+\]|[^\s/:@]+):\d{1,5}")


class Settings(BaseSettings):
    """One immutable set of settings. Every field is `YTTERBY_<NAME>` in the environment."""

    # An error shows no input: it may be a key, or a URL with a password.
    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: str = Field(
        default="sqlite:///var/ytterby.db",
        description="SQLAlchemy URL: sqlite:///path or postgresql+psycopg://user:password@host/name",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    embedded: bool | None = Field(
        default=None, description="Reading needs no key. Default: yes on a loopback host, no elsewhere"
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host headers answered, a JSON list. Default: loopback names when embedded"
    )
    today: date | None = Field(
        default=None, description="Pretend that the process started on this day (audits, replays)"
    )
    horizon: int = Field(default=18, ge=1, le=36, description="Months forecast from the issue date")
    cutoffs: int = Field(default=24, ge=2, le=60, description="Backtest cutoffs, where history allows")
    processes: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Processes that fit; 0 is one a processor. The numbers do not depend on it",
    )
    executor: str = Field(
        default="",
        description="Where fits run: empty for processes of this machine, or a Dask cluster. docs/scale.md",
    )
    fit_seconds: float = Field(
        default=120.0, gt=0, le=86_400, description="Longest that one fit may take, in seconds"
    )
    fit_memory_mb: int = Field(
        default=2_000, ge=300, description="Most memory of a process that fits, in megabytes (on Linux)"
    )
    seed: int = Field(default=0, ge=0, description="Seed of every random draw")
    max_body_bytes: int = Field(default=5_000_000, ge=1_000, description="Largest request body")
    max_rows: int = Field(
        default=50_000, ge=1, description="Most rows in one upload, most rows in one answer"
    )
    worker_poll_seconds: float = Field(
        default=0.5, gt=0, le=60, description="How often the worker looks for work"
    )
    stale_run_seconds: float = Field(
        default=30.0, gt=0, description="A run without a sign of life for so long goes back to the queue"
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Keys that encrypt secrets at rest, commas between: the first encrypts, all decrypt",
    )
    allowed_networks: str = Field(
        default="",
        description="Private networks that webhooks and sources may reach, as 10.1.0.0/16, commas between",
    )
    delivery_threads: int = Field(
        default=256, ge=1, le=1_000, description="Most webhooks that one worker process sends at a time"
    )
    time_zone: str = Field(default="UTC", description="Time zone of the cron lines of jobs, by name")
    lease_seconds: float = Field(
        default=15.0, ge=0.5, le=600, description="Silence after which another worker takes the schedule over"
    )
    job_ingest: str = Field(default="every: 5m", description="When sources that are due are pulled")
    job_score: str = Field(default="every: 1h", description="When forecasts are scored whose prices came")
    job_retrain: str = Field(
        default="cron: 30 5 * * mon-fri", description="When all models are fitted anew, docs/operations.md"
    )
    job_clean_up: str = Field(default="cron: 15 3 * * sun", description="When old records are removed")
    retrain_debounce: str = Field(
        default="15m", description="Quiet time after a change before it leads to a training run, at most 2h"
    )
    log_format: Literal["console", "json"] = Field(default="console", description="Shape of log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level logged"
    )
    watch_folder: Path | None = Field(
        default=None, description="Folder that price files are taken from, docs/sources.md"
    )
    watch_settle_seconds: float = Field(
        default=2.0, gt=0, le=60, description="A file that does not change for so long is whole"
    )

    @field_validator("executor")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not _DASK.fullmatch(value):
            raise ValueError("dask://host:port or dask+tls://host:port")
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_keys(cls, value: SecretStr | None) -> SecretStr | None:
        for key in fernet_keys(value):
            try:
                whole = len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32
            except ValueError:
                whole = False
            if not whole:
                raise ValueError("keys that ytterby keys encryption-key made")
        return value

    @field_validator("allowed_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks(value)  # says what is wrong with which
        return value

    @property
    def networks(self) -> Networks:
        """Networks of the operator's own that may be called."""
        return networks(self.allowed_networks)

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        _said(parse_zone, value)
        return value

    @field_validator("job_ingest", "job_score", "job_retrain", "job_clean_up")
    @classmethod
    def _is_a_schedule(cls, value: str) -> str:
        _said(parse, value, "UTC")
        return value

    @field_validator("retrain_debounce")
    @classmethod
    def _is_a_short_time(cls, value: str) -> str:
        if _said(parse_length, value) > LONGEST_DEBOUNCE:
            raise ValueError("at most 2h")
        return value

    @property
    def debounce(self) -> timedelta:
        """Quiet time after a change before it leads to a training run."""
        return parse_length(self.retrain_debounce)

    @property
    def is_embedded(self) -> bool:
        """Is reading open? Only where nobody but this machine can ask, unless said otherwise."""
        return is_loopback(self.host) if self.embedded is None else self.embedded

    @property
    def host_headers(self) -> tuple[str, ...]:
        """Host headers that are answered; `*` where every call needs a key anyway."""
        if self.allowed_hosts:
            return self.allowed_hosts
        return ("127.0.0.1", "localhost", "[::1]") if self.is_embedded else ("*",)

    @property
    def sqlite_path(self) -> Path | None:
        """File of the embedded database, None for any other."""
        prefix = "sqlite:///"
        return Path(self.database_url.removeprefix(prefix)) if self.database_url.startswith(prefix) else None


def _said(check: Callable[..., Found], *words: str) -> Found:
    """What a check finds; its refusal in the form that pydantic passes on."""
    try:
        return check(*words)
    except Refusal as refusal:
        raise ValueError(refusal.allowed) from None


def read_settings(**changes: Any) -> Settings:
    """Settings of the environment, changed by `changes`. Raises Refusal naming the first wrong variable."""
    try:
        return Settings(**changes)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        said = Settings.model_fields[name].description
        found = "(hidden)" if name == "secret_key" else first["input"]
        raise Refusal(f"{_PREFIX}{name.upper()}", found, f"{allowed} ({said})") from None
    except SettingsError as error:  # a list that is not JSON; the variable's name is in the words
        raise Refusal("environment", str(error), "a JSON list where docs/cli.md says so") from None


def fernet_keys(value: SecretStr | None) -> tuple[str, ...]:
    """The keys of a YTTERBY_SECRET_KEY, the one that encrypts first."""
    text = "" if value is None else value.get_secret_value()
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_loopback(host: str) -> bool:
    """Does this address name reach only this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
