"""The reports of a defect of the operator: in the status, by an event, and in one line that leads to the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.defects import Defects
from gitlab_azure_identity.reconcile.report import Reporter
from tests.invariants import broken

from .worlds import NOW, body

KEY, UID = Key("gitlab", "gitlab"), "uid-of-gitlab-gitlab"
MESSAGE = (
    "The operator failed: KeyError: 'identity'. This is a defect of the operator, not of this resource. The operator's log has "
    "the details, at 2026-03-01T12:00:00Z. It is tried again."
)


class ApiServer:
    """An API server with one object. It keeps the statuses and the events that it receives."""

    def __init__(self, found: dict[str, Any] | None) -> None:
        self.found = found
        self.events: list[tuple[str, str, str]] = []
        kube = SimpleNamespace(resources=self, events=self)
        context = SimpleNamespace(kube=kube, clock=SimpleNamespace(now=lambda: NOW))
        self.defects = Defects(cast("Context", context), Reporter(cast("Any", kube)))

    async def get(self, _key: Key) -> dict[str, Any] | None:
        return self.found

    async def write_status(self, _key: Key, _uid: str, status: Status) -> None:
        assert self.found is not None
        self.found["status"] = status.model_dump(by_alias=True, exclude_none=True, mode="json")

    async def post(self, _key: Key, _uid: str, event: Event) -> None:
        self.events.append((event.kind, event.reason, event.message))

    def conditions(self) -> dict[str, tuple[str, str, str]]:
        assert self.found is not None
        written = self.found["status"]["conditions"]
        return {each["type"]: (each["status"], each["reason"], each["message"]) for each in written}


async def test_a_defect_in_a_pass() -> None:
    server = ApiServer(body())

    await server.defects.report(KEY, UID, KeyError("identity"))

    conditions = server.conditions()
    assert conditions["Ready"] == ("Unknown", "InternalError", MESSAGE)
    assert conditions["Reconciling"][:2] == ("True", "InternalError")
    assert conditions["RolesAssigned"][:2] == ("Unknown", "Pending")
    assert server.events == [("Warning", "InternalError", MESSAGE)]
    assert server.found is not None
    assert broken(server.found) == []


async def test_a_defect_in_a_deletion() -> None:
    server = ApiServer(body(deleting=True))

    await server.defects.report(KEY, UID, KeyError("identity"))

    conditions = server.conditions()
    assert conditions["Ready"] == ("Unknown", "InternalError", MESSAGE)
    assert conditions["Reconciling"][:2] == ("True", "InternalError")
    assert server.events == [("Warning", "InternalError", MESSAGE)]


async def test_a_defect_that_comes_again_and_again_is_one_event() -> None:
    server = ApiServer(body())

    for _ in range(3):
        await server.defects.report(KEY, UID, KeyError("identity"))

    assert len(server.events) == 1


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        (ValueError("two\nlines"), "ValueError: two lines."),
        (RuntimeError("Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"), "RuntimeError: Bearer [redacted]."),
        (ValueError("word" * 1000), f"ValueError: {'word' * 72}."),
        (AssertionError(), "AssertionError:."),
    ],
    ids=["lines", "secret", "long", "no words"],
)
async def test_the_message_is_one_line(defect: Exception, said: str) -> None:
    server = ApiServer(body())

    await server.defects.report(KEY, UID, defect)

    assert said in server.conditions()["Ready"][2]


SUCCESSOR = body()
SUCCESSOR["metadata"]["uid"] = "uid-of-a-later-one"


@pytest.mark.parametrize("found", [None, SUCCESSOR], ids=["no longer exists", "another of its name"])
async def test_nothing_is_reported_about_an_object_that_no_longer_exists(found: dict[str, Any] | None) -> None:
    server = ApiServer(found)

    await server.defects.report(KEY, UID, KeyError("identity"))

    assert server.events == []
