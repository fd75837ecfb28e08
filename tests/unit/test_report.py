"""Reports about a resource: its status and its events, and a status that the API server refuses."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.findings import Failure, Outlook, stopped
from gitlab_azure_identity.domain.status import with_conditions
from gitlab_azure_identity.domain.texts import REFUSED_TEXT
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import STATUSES_NOT_WRITTEN
from gitlab_azure_identity.reconcile.report import Reporter

from .worlds import NOW, resource

if TYPE_CHECKING:
    from gitlab_azure_identity.api.resource import Key, Resource
    from gitlab_azure_identity.reconcile.context import Kube

NOT_YAML = ClusterError(400, "BadRequest", "error decoding YAML: invalid Unicode character")
TOO_LARGE = ClusterError(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
INVALID = ClusterError(422, "Invalid", "status.conditions[0].message: Too long")
BUSY = ClusterError(503, "ServiceUnavailable", "starting")


class ApiServer:
    """An API server that refuses texts, or every status, and keeps what it accepts."""

    def __init__(self, refusal: ClusterError | None = None, *, of_all: bool = False) -> None:
        self.refusal, self.of_all = refusal, of_all
        self.statuses: list[Status] = []
        self.events: list[tuple[str, str, str]] = []
        self.reporter = Reporter(cast("Kube", SimpleNamespace(resources=self, events=self)))

    async def write_status(self, _key: Key, _uid: str, status: Status) -> None:
        if self.refusal and (self.of_all or ready(status)[2] != REFUSED_TEXT):
            raise self.refusal
        self.statuses.append(status)

    async def post(self, _key: Key, _uid: str, event: Event) -> None:
        self.events.append((event.kind, event.reason, event.message))


def refused(before: Resource, text: str = "An Azure Policy forbids it.") -> Status:
    """The status of a resource that an obstacle keeps from being Ready."""
    findings = stopped(Link.IDENTITY, Failure(Reason.REQUEST_DISALLOWED_BY_POLICY, text, Outlook.STALLED))
    return with_conditions(before, findings, NOW)


def ready(status: Status) -> tuple[str, str, str]:
    found = status.condition(READY)
    assert found is not None
    return found.status, found.reason, found.message


def counted() -> float:
    return float(STATUSES_NOT_WRITTEN._value.get())


async def test_a_status_is_written_once_and_its_change_is_an_event() -> None:
    server = ApiServer()
    status = refused(resource())

    written = await server.reporter.status(resource(), status)
    assert written is not None
    again = await server.reporter.status(written, status)

    assert server.statuses == [status]
    assert (written.status, again) == (status, written)
    assert server.events == [("Warning", "RequestDisallowedByPolicy", "An Azure Policy forbids it.")]


@pytest.mark.parametrize("refusal", [NOT_YAML, TOO_LARGE, INVALID], ids=lambda refusal: str(refusal.status))
async def test_a_refused_status_is_written_without_its_texts(
    refusal: ClusterError, caplog: pytest.LogCaptureFixture
) -> None:
    server, before = ApiServer(refusal), counted()

    await server.reporter.status(resource(), refused(resource(), "odd"))

    (status,) = server.statuses
    assert ready(status) == ("False", "RequestDisallowedByPolicy", REFUSED_TEXT)
    assert {one.message for one in status.conditions} == {REFUSED_TEXT}
    kind, reason, message = server.events[0]
    assert (kind, reason) == ("Warning", "StatusNotWritten")
    assert refusal.message in message
    assert server.events[1:] == [("Warning", "RequestDisallowedByPolicy", "odd")]
    assert "messages of the refused status: Ready: odd" in caplog.text
    assert counted() == before + 1


async def test_a_refused_status_is_reported_once_while_nothing_changes() -> None:
    server = ApiServer(INVALID)
    status = refused(resource(), "odd")

    before = await server.reporter.status(resource(), status)
    assert before is not None
    after = await server.reporter.status(before, status)

    assert len(server.statuses) == 1
    assert [reason for _, reason, _ in server.events] == ["StatusNotWritten", "RequestDisallowedByPolicy"]
    assert after == before


async def test_a_status_that_is_also_refused_without_its_texts_counts_as_not_written() -> None:
    server = ApiServer(INVALID, of_all=True)

    left = await server.reporter.status(resource(), refused(resource()))

    assert left is None
    assert [reason for _, reason, _ in server.events] == ["StatusNotWritten"]


async def test_an_api_server_that_does_not_answer_has_not_refused_the_status(caplog: pytest.LogCaptureFixture) -> None:
    server = ApiServer(BUSY)

    left = await server.reporter.status(resource(), refused(resource()))

    assert (left, server.statuses, server.events) == (None, [], [])
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
