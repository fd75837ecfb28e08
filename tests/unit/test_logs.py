"""The log: one JSON object a line, with its resource, and never a secret."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from gitlab_azure_identity.logs import JsonLines

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def entry(message: str, *args: object, **extra: Any) -> dict[str, Any]:
    """The line that one entry writes."""
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
        (f"refused: Bearer {TOKEN} is bad", "refused: Bearer [redacted] is bad"),
        (f"two lines and a piece\n{TOKEN[:20]}", "two lines and a piece\n[redacted]"),
        (
            "AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
            "AccountKey=[redacted];EndpointSuffix=core.windows.net",
        ),
    ],
)
def test_no_secret_is_logged(said: str, written: str) -> None:
    assert entry("%s", said)["message"] == written


def test_no_secret_is_logged_with_an_exception() -> None:
    error = ValueError(f"Bearer {TOKEN}")

    found = entry("failed", exc_info=(ValueError, error, None))

    assert "ValueError: Bearer [redacted]" in found["exception"]


@pytest.mark.parametrize(
    ("program", "status", "severity", "said"),
    [
        (f'raise ValueError("Bearer {TOKEN}")', 1, "critical", "ended by a defect"),
        (f"""
            def fail():
                raise ValueError("Bearer {TOKEN}")
            threading.Thread(target=fail).start()
         """, 0, "error", "a thread ended by a defect"),
        (f'warnings.warn("ValueError: Bearer {TOKEN}")', 0, "warning", "ValueError: Bearer [redacted]"),
    ],
)  # fmt: skip
def test_what_python_would_print_is_logged_too(program: str, status: int, severity: str, said: str) -> None:
    """As it is it would be lines that are no entries, with whatever they repeat."""
    beginning = """
        import threading, warnings
        from gitlab_azure_identity.logs import configure_logging
        configure_logging("INFO")
    """

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(beginning) + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )

    (line,) = ended.stderr.splitlines()
    found = json.loads(line)
    assert (ended.returncode, found["severity"]) == (status, severity)
    assert said in found["message"]
    assert "ValueError: Bearer [redacted]" in found.get("exception", found["message"])
    assert TOKEN not in line


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"GAI_CLOUD": "AzureMoon"}, "cloud: "),
        ({"GAI_CLUSTER": "lab", "GAI_LOG_LEVEL": "LOUD"}, "logLevel: "),
        ({"GAI_SETTINGS_FILE": "/nowhere/settings.yaml"}, "/nowhere/settings.yaml"),
        ({"GAI_CLUSTER": "lab"}, "cannot log in to Azure"),
    ],
)
def test_why_the_operator_does_not_start_is_an_entry_too(variables: dict[str, str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gitlab_azure_identity", "run"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    (found,) = map(json.loads, ended.stderr.splitlines())
    assert (ended.returncode, found["severity"]) == (2, "critical")
    assert found["message"].startswith("not started: ")
    assert said in found["message"]
