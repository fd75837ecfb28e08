"""A defect of the operator's own, as a person finds it: in the status, by an event, and in one line that leads to the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.assessment import Event
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


class Desk:
    """An API server with one object, and what was written and posted of it."""

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
        told = self.found["status"]["conditions"]
        return {each["type"]: (each["status"], each["reason"], each["message"]) for each in told}


async def test_a_defect_in_a_pass() -> None:
    desk = Desk(body())

    await desk.defects.report(KEY, UID, KeyError("identity"))

    told = desk.conditions()
    assert told["Ready"] == ("Unknown", "InternalError", MESSAGE)
    assert told["Reconciling"][:2] == ("True", "InternalError")
    assert told["RolesAssigned"][:2] == ("Unknown", "Pending")
    assert desk.events == [("Warning", "InternalError", MESSAGE)]
    assert desk.found is not None
    assert broken(desk.found) == []


async def test_a_defect_in_a_deletion() -> None:
    desk = Desk(body(deleting=True))

    await desk.defects.report(KEY, UID, KeyError("identity"))

    told = desk.conditions()
    assert told["Ready"] == ("Unknown", "InternalError", MESSAGE)
    assert told["Reconciling"][:2] == ("True", "InternalError")
    assert desk.events == [("Warning", "InternalError", MESSAGE)]


async def test_a_defect_that_comes_again_and_again_is_one_event() -> None:
    desk = Desk(body())

    for _ in range(3):
        await desk.defects.report(KEY, UID, KeyError("identity"))

    assert len(desk.events) == 1


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
async def test_it_is_one_line(defect: Exception, said: str) -> None:
    desk = Desk(body())

    await desk.defects.report(KEY, UID, defect)

    assert said in desk.conditions()["Ready"][2]


SUCCESSOR = body()
SUCCESSOR["metadata"]["uid"] = "uid-of-a-later-one"


@pytest.mark.parametrize("found", [None, SUCCESSOR], ids=["gone", "another of its name"])
async def test_of_what_is_gone_nothing_is_told(found: dict[str, Any] | None) -> None:
    desk = Desk(found)

    await desk.defects.report(KEY, UID, KeyError("identity"))

    assert desk.events == []
