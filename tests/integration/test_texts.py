"""Unusual texts from outside: the API server admits a status with any of them, and it reads back as written."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.api.status import IdentityStatus, Status
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.findings import Failure, Outlook, stopped
from gitlab_azure_identity.domain.status import with_conditions
from gitlab_azure_identity.domain.texts import REFUSED_TEXT, presentable, unicode
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.resources import Resources
from gitlab_azure_identity.reconcile.context import Kube
from gitlab_azure_identity.reconcile.report import Reporter
from lab.apiserver import ApiError
from tests.unit.texts import FOX, texts
from tests.unit.worlds import NOW, NOW_TEXT

from .behind import OBJECTS, reasons, until
from .owner import admission_policy, stalled
from .resources import GitLab
from .watching import Object

FORBIDDEN = f"Resource 'x' was disallowed by policy '{FOX} No identities \ud83e in \x85 here \x07'."


def test_an_emoji_in_a_text_of_azures_is_shown(gitlab: GitLab) -> None:
    gitlab.lab.controls.add_fault(
        "PUT */userAssignedIdentities/*", status=403, code="RequestDisallowedByPolicy", message=FORBIDDEN, times=99
    )

    gitlab.apply()

    message = stalled(gitlab, "RequestDisallowedByPolicy")
    assert f"by policy '{FOX} No identities \ufffd in" in message
    until(lambda: any(FOX in event["message"] for event in gitlab.events()), "an event that says it too")

    gitlab.lab.controls.clear_faults()
    gitlab.reconcile_now()
    gitlab.ready()


def test_an_emoji_in_the_message_of_a_blocked_deletion_is_shown(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.add_fault(
        "DELETE */roleAssignments/*", status=409, code="ScopeLocked", message=f"The scope has a lock '{FOX}'.", times=99
    )

    gitlab.ask_to_delete()

    assert f"The scope has a lock '{FOX}'." in stalled(gitlab, "DeletionBlocked")
    gitlab.lab.controls.clear_faults()
    gitlab.until_gone()
    assert [name for kind, name in OBJECTS if gitlab.exists(kind, name)] == []


def test_an_emoji_in_a_request_is_answered(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    gitlab.annotate(f"gitlabazure.io/requested-at={FOX}")

    gitlab.until(lambda found: found["status"].get("lastHandledReconcileAt") == FOX)


def test_the_beginning_of_a_long_request_is_answered(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    gitlab.annotate(f"gitlabazure.io/requested-at={'long' * 60_000}")

    gitlab.until(lambda found: found["status"].get("lastHandledReconcileAt") == "long" * 64)


@contextmanager
def denied(gitlab: GitLab, unwanted: str, condition: Object) -> Iterator[None]:
    """This cluster lets nobody write a status with a condition `c` that is unwanted (CEL), such as this one, into the resource's
    namespace."""
    name = f"denied-{gitlab.namespace}"
    expression = f"!has(object.status) || !object.status.conditions.exists(c, {unwanted})"
    validations = [{"expression": expression, "message": "watch your language"}]
    policy = admission_policy(gitlab, name, "gitlabazureidentities/status", validations=validations)
    probe = GitLab(gitlab.lab, gitlab.watch, gitlab.namespace, "probe")
    probe.apply(suspend=True).condition("Ready", "False", "Suspended")
    whole = {"type": "Ready", "observedGeneration": 1, "lastTransitionTime": NOW_TEXT, "reason": "Tried", **condition}

    def refused() -> bool:
        """Whether the policy is in effect, which takes the API server a moment."""
        try:
            gitlab.lab.api.patch(f"{probe.path('gai', 'probe')}/status?dryRun=All", {"status": {"conditions": [whole]}})
        except ApiError as error:
            return "watch your language" in str(error)
        return False

    gitlab.lab.apply(policy)
    until(refused, "the policy has its effect")
    try:
        yield
    finally:
        gitlab.lab.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name)
        probe.delete()


@pytest.fixture
def censored(gitlab: GitLab) -> Iterator[str]:
    """A word that this cluster lets nobody write into a status in the resource's namespace."""
    word = "unspeakable"
    with denied(gitlab, f"c.message.contains('{word}')", {"status": "False", "message": word}):
        yield word


def test_a_status_that_could_not_be_written_is_written_as_soon_as_it_can_be(gitlab: GitLab) -> None:
    """Although nothing else is to be done, and the next pass over a Ready resource comes after an hour."""
    with denied(gitlab, "c.type == 'Ready' && c.status == 'True'", {"status": "True", "message": ""}):
        gitlab.apply()
        until(lambda: "StatusNotWritten" in reasons(gitlab), "the status is refused")

    gitlab.ready()


def test_a_refused_status_is_reported_by_an_event_and_written_without_its_texts(gitlab: GitLab, censored: str) -> None:
    gitlab.lab.controls.add_fault(
        "PUT */userAssignedIdentities/*", status=403, code="RequestDisallowedByPolicy", message=censored, times=99
    )

    gitlab.apply()

    assert stalled(gitlab, "RequestDisallowedByPolicy") == REFUSED_TEXT
    events = [event for event in gitlab.events() if event["reason"] == "StatusNotWritten"]
    assert "watch your language" in events[0]["message"]

    gitlab.lab.controls.clear_faults()
    gitlab.reconcile_now()
    gitlab.ready()


class StatusWriter:
    """The operator's own code for a resource that it leaves alone."""

    def __init__(self, gitlab: GitLab) -> None:
        self._gitlab = gitlab

    def written(self, status: Status) -> Status:
        """Write a status. Returns it as the API server has it then."""
        asyncio.run(self._write(status))
        return Status.model_validate(self._gitlab.live()["status"])

    async def _write(self, status: Status) -> None:
        async with client.connect(10.0) as cluster:
            resources = Resources(cluster)
            body = await resources.get(Key(self._gitlab.namespace, self._gitlab.name))
            assert body is not None
            written = await Reporter(cast("Kube", SimpleNamespace(resources=resources, events=NoEvents()))).status(
                Resource.parse(body), status
            )
            assert written is not None
            assert written.status == presentable(status)


class NoEvents:
    """Posts no event, since thousands would be the same. The event StatusNotWritten fails the test."""

    async def post(self, _key: Key, _uid: str, event: Event) -> None:
        assert event.reason is not Reason.STATUS_NOT_WRITTEN, event.message


@pytest.fixture
def writer(gitlab: GitLab, monkeypatch: pytest.MonkeyPatch) -> StatusWriter:
    gitlab.apply(suspend=True).condition("Ready", "False", "Suspended")
    monkeypatch.setenv("KUBECONFIG", str(gitlab.lab.places.operator / "kubeconfig"))
    return StatusWriter(gitlab)


@settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(message=texts, handled=texts, facts=st.tuples(texts, texts))
def test_any_text_anywhere_is_admitted_and_reads_back(
    writer: StatusWriter, message: str, handled: str, facts: tuple[str, str]
) -> None:
    issuer, name = facts
    before = Resource.parse(writer._gitlab.live())
    findings = stopped(Link.IDENTITY, Failure(Reason.INVALID_AZURE_REQUEST, message or "empty", Outlook.STALLED))
    status = with_conditions(before, findings, NOW).model_copy(
        update={"last_handled_reconcile_at": handled, "issuer": issuer, "identity": IdentityStatus(name=name)}
    )

    assert writer.written(status) == valid(presentable(status))


def valid(status: Status) -> Status:
    """The same status without halves of characters, which cannot be encoded, and without empty texts."""

    def walk(value: Any) -> Any:
        match value:
            case str():
                return unicode(value)
            case list():
                return [walk(one) for one in value]
            case dict():
                return {key: walk(one) for key, one in value.items()}
        return value

    return Status.model_validate(walk(status.model_dump(exclude_none=True)))
