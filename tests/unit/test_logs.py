"""The log: one JSON object a line, with the resource it speaks of, and never a token."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gitlab_azure_identity.logs import JsonLines

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def entry(message: str, *args: object, **extra: Any) -> dict[str, Any]:
    """What is written for one entry."""
    record = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, args, extra.pop("exc_info", None))
    for name, value in extra.items():
        setattr(record, name, value)
    line = JsonLines().format(record)
    assert "\n" not in line
    read: dict[str, Any] = json.loads(line)
    return read


def test_an_entry() -> None:
    found = entry("Ready is %s", "True", resource="gitlab/gitlab")

    assert found.pop("timestamp").endswith("+00:00")
    assert found == {
        "severity": "warning",
        "logger": "a.logger",
        "message": "Ready is True",
        "resource": "gitlab/gitlab",
    }


def test_an_entry_of_kopfs_names_its_resource_too() -> None:
    assert entry("x", k8s_ref={"namespace": "gitlab", "name": "prod"})["resource"] == "gitlab/prod"
    assert "resource" not in entry("x")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (f"refused: Bearer {TOKEN} is bad", "refused: Bearer [token] is bad"),
        (f"two lines and a piece\n{TOKEN[:20]}", "two lines and a piece\n[token]"),
        (f'quoted "{TOKEN}"', 'quoted "[token]"'),
    ],
)
def test_no_token_is_logged(said: str, written: str) -> None:
    assert entry("%s", said)["message"] == written


def test_no_token_is_logged_with_an_exception() -> None:
    error = ValueError(f"Bearer {TOKEN}")

    found = entry("failed", exc_info=(ValueError, error, None))

    assert "ValueError: Bearer [token]" in found["exception"]
