"""The composed deployment asks for what there is: commands, settings, secrets from outside."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from service.settings import Settings
from tests.house.tree import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: s for name, s in COMPOSE["services"].items() if name != "postgres"}
COMMANDS = (ROOT / "tools" / "container-command").read_text()


def test_the_parts_are_there() -> None:
    assert {"postgres", "api", "worker", "dask-scheduler"} <= COMPOSE["services"].keys()
    assert COMPOSE["services"]["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", OURS)
def test_every_part_runs_a_command_of_the_image_with_least_rights(name: str) -> None:
    part = OURS[name]
    words = {
        w for line in re.findall(r"^    ([a-z |-]+)\)", COMMANDS, re.MULTILINE) for w in line.split(" | ")
    }
    assert part["command"][0] in words
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    known = {f"YTTERBY_{field.upper()}" for field in Settings.model_fields}
    assert part.get("environment", {}).keys() <= known | {"YTTERBY_SECRET_KEY"}


def test_no_secret_stands_in_the_file() -> None:
    secret = re.compile(r"(PASSWORD|SECRET_KEY|DATABASE_URL):(.*)")
    found = [
        line.groups() for line in map(secret.search, (ROOT / "compose.yaml").read_text().splitlines()) if line
    ]
    assert found
    assert all("${" in value for _, value in found)


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: s["ports"] for name, s in COMPOSE["services"].items() if "ports" in s}
    assert published == {"api": ["127.0.0.1:8000:8000"]}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "dask-scheduler", "dask-worker", "migrate"):
        assert COMPOSE["services"][name]["networks"] == ["inside"]
