"""Events as they are posted: whatever their message contains, the API server admits it, and it contains no secret."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.kube.client import Cluster, ClusterError
from gitlab_azure_identity.kube.events import MESSAGE_LIMIT, Events

KEY = Key("gitlab", "gitlab")


class Posted:
    """An API server that keeps what is posted, or refuses it."""

    def __init__(self, refusal: ClusterError | None = None) -> None:
        self.refusal = refusal
        self.bodies: list[dict[str, Any]] = []

    async def request(self, _method: str, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.refusal:
            raise self.refusal
        self.bodies.append(body)
        return {}


async def message(text: str) -> str:
    """The message of an event with this text."""
    server = Posted()
    await Events(cast("Cluster", server), Clock()).post(KEY, "uid", Event("Warning", Reason.CONFLICT, text))
    return str(server.bodies[0]["message"])


async def test_an_event_contains_no_secret() -> None:
    assert await message("AccountKey=c2VjcmV0; was sent") == "AccountKey=[redacted]; was sent"


async def test_a_message_is_cut_at_the_limit_of_the_api_server() -> None:
    cut = await message("🦊" * 1000)

    assert len(cut.encode()) <= MESSAGE_LIMIT
    assert cut.strip("🦊") == "…"


GOING = "unable to create new content in namespace gitlab because it is being terminated"


@pytest.mark.parametrize(
    ("refusal", "level"),
    [
        (ClusterError(503, "ServiceUnavailable", "starting"), logging.WARNING),
        (ClusterError(403, "Forbidden", "cannot create resource events"), logging.WARNING),
        (ClusterError(403, "Forbidden", GOING), logging.INFO),
    ],
    ids=["no answer", "no right", "its namespace is being deleted"],
)
async def test_an_event_that_is_refused_stops_nothing(
    refusal: ClusterError, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = Posted(refusal)

    await Events(cast("Cluster", server), Clock()).post(KEY, "uid", Event("Warning", Reason.CONFLICT, "text"))

    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (level, f"event Conflict not posted: {refusal}")
