"""The assessment of a pass: each judgement by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gitlab_azure_identity.api.conditions import CHAIN, PLANNED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import Condition, Status
from gitlab_azure_identity.domain import assessment, events
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.assessment import Tolerance
from gitlab_azure_identity.domain.changes import (
    Change,
    CreateContainer,
    DeleteAssignment,
    DeleteIdentity,
    PutAssignment,
    PutIdentity,
    ReleaseObject,
)
from gitlab_azure_identity.domain.events import Event, containers_event
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed, good, not_asked
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import ClusterObject, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.status import with_conditions

from .worlds import CLIENT, DEFAULTS, NOW, PRINCIPAL, assignment, desired_of, goal, identity, resource, standing, wanted

HAVE = standing()
WANT = wanted()
EVERYTHING = plan(goal(), Observed(identity=identity()))
TAGS = PutIdentity(WANT.identity, {}, ("team",))
RELEASE = ReleaseObject(ClusterObject("Secret", "old", "uid", "1", {}, {}))


def finding(link: Link, outlook: Outlook) -> Finding:
    if outlook is Outlook.GOOD:
        return good(link, Reason.WRITTEN, "…")
    return failed(link, Failure(Reason.CONFLICT, "…", outlook))


def findings(**bad: Outlook) -> list[Finding]:
    """Findings of all links, by the name of the link. All are good but the named ones."""
    return [finding(link, bad.get(link.name, Outlook.GOOD)) for link in CHAIN]


def ready(spec: dict[str, Any] | None = None, *, generation: int = 1, status: str = "True") -> Resource:
    """A resource that was Ready, or not, at generation 1."""
    one = resource(spec, generation=generation)
    bad = {} if status == "True" else {"ROLES": Outlook.STALLED}
    written = with_conditions(resource(spec), findings(**bad), NOW)
    return replace(one, status=written)


# drift, or the first write


@pytest.mark.parametrize(
    ("one", "former", "drift"),
    [
        (ready(), (), True),
        (ready(generation=2), (), False),  # somebody edited it, and so asked for the change
        (ready(status="False"), (), False),
        (resource(), (), False),
        (ready(), ("https://former.example.com/",), False),  # the cluster's issuer changed
    ],
    ids=["Ready", "edited", "not Ready", "new", "another issuer"],
)
def test_a_change_is_drift_where_nobody_asked_for_one(one: Resource, former: tuple[str, ...], drift: bool) -> None:
    done = plan(goal(), Observed())
    assert assessment.is_drift(one, replace(goal(), former_issuers=former), done) is drift


def test_the_removal_of_a_former_role_is_no_drift() -> None:
    """It was left until access was proven. Nobody changed anything meanwhile."""
    former = DeleteAssignment(HAVE.assignments[0])

    assert not assessment.is_drift(ready(), goal(), [former])
    assert assessment.is_drift(ready(), goal(), [former, *plan(goal(), Observed())])


# what replaces a lost status

ELSEWHERE = replace(identity(), resource_id=str(WANT.identity.id).replace("rg-gitlab", "rg-old"))
THEIRS = {"gitlabazure-cluster": "lab", "gitlabazure-namespace": "other", "gitlabazure-resource": "gitlab"}
RECORDED = resource(status={"identity": {"resourceId": str(WANT.identity.id), "principalId": PRINCIPAL}})


def test_the_goal_follows_an_identity_of_ours_that_is_found_elsewhere() -> None:
    """The status was lost, and the settings changed."""
    one = resource()

    assert assessment.other_identity(one, goal(), ELSEWHERE) == (one, IdentityId.parse(ELSEWHERE.resource_id))


@pytest.mark.parametrize(
    ("one", "to", "found"),
    [
        (resource(), goal(), None),
        (RECORDED, goal(), None),
        (RECORDED, goal(), identity()),
        (RECORDED, goal(), replace(identity(), resource_id=str(WANT.identity.id).lower())),  # as Azure spells it
        (RECORDED, goal(), identity(tags={})),  # nobody claims it: somebody may have removed its tags
        (RECORDED, goal(may_adopt=True), identity(tags=THEIRS)),  # policy lets us adopt it
        (resource(), goal(), identity(tags=THEIRS)),  # the spec names it, not the status
    ],
)
def test_the_goal_stays_where_it_is(one: Resource, to: Goal, found: Any) -> None:
    assert assessment.other_identity(one, to, found) is None


def test_another_resources_identity_on_record_counts_as_lost() -> None:
    answer = assessment.other_identity(RECORDED, goal(), identity(tags=THEIRS))

    assert answer == (RECORDED.without_identity(), None)
    assert RECORDED.without_identity().status.identity is None


# what was done


def test_what_was_written_and_is_planned_again_is_reverted() -> None:
    ((change, failure),) = assessment.reverted(EVERYTHING[:2], EVERYTHING[1:])

    assert change is EVERYTHING[1]
    assert (failure.reason, failure.outlook) == (Reason.CONFLICT, Outlook.STALLED)
    assert failure.message == (
        f"The {change} does not stay as it is written: something in the cluster or in Azure changes it at once."
    )


@pytest.mark.parametrize(
    ("done", "takes_time"),
    [
        ([], False),
        ([change for change in EVERYTHING if change.link in (Link.SERVICE_ACCOUNTS, Link.SECRETS)], False),
        ([change for change in EVERYTHING if change.link is Link.CREDENTIALS], True),
        ([change for change in EVERYTHING if change.link is Link.ROLES], True),
        ([TAGS], True),
        ([DeleteIdentity(identity())], False),
    ],
)
def test_changes_that_azure_takes_minutes_to_propagate(done: list[Change], takes_time: bool) -> None:
    assert assessment.takes_time(done) is takes_time


@pytest.mark.parametrize(
    ("have", "pending", "lacking"),
    [
        (HAVE, [], False),
        (Observed(), [], True),
        (HAVE, [EVERYTHING[0]], True),
        (HAVE, [TAGS], False),
        (HAVE, [RELEASE, DeleteIdentity(identity())], False),
        (HAVE, [TAGS, EVERYTHING[0]], True),
    ],
    ids=["nothing", "no identity", "a credential", "a tag", "removals", "a tag and a credential"],
)
def test_what_gitlab_needs_and_lacks(have: Observed, pending: list[Change], lacking: bool) -> None:
    assert assessment.lacks_something(have, pending) is lacking


# propagation


@pytest.mark.parametrize(
    ("created", "granted", "since", "fresh"),
    [
        (None, None, None, False),
        (899, None, None, True),
        (900, None, None, False),
        (None, 0, None, True),
        (None, None, 899, True),
        (None, None, 900, False),
        (5000, 5000, 10, True),  # one recent moment is enough
    ],
)
def test_a_recent_grant_may_still_propagate(
    created: int | None, granted: int | None, since: int | None, fresh: bool
) -> None:
    """Each time is given as seconds ago. The limit is 900."""

    def ago(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOW - timedelta(seconds=seconds)

    moment = ago(created)
    assignments = [replace(HAVE.assignments[0], created_on=moment.timestamp() if moment else None)]

    answer = assessment.may_still_propagate(
        assignments, granted_at=ago(granted), since=ago(since), now=NOW, limit=900.0
    )

    assert answer is fresh


# what is verified again


@pytest.mark.parametrize(
    ("bad", "verification", "outlook", "again"),
    [
        ({}, "Required", Outlook.GOOD, False),
        ({"ACCESS": Outlook.WAITING}, "Required", Outlook.WAITING, True),
        ({"ACCESS": Outlook.WAITING}, "Report", Outlook.WAITING, True),  # shown, and tried until access is granted
        ({"ACCESS": Outlook.STALLED}, "Report", Outlook.STALLED, False),
        ({"ACCESS": Outlook.TRANSIENT}, "Required", Outlook.TRANSIENT, False),
        ({"ROLES": Outlook.WAITING, "ACCESS": Outlook.BLOCKED}, "Required", Outlook.WAITING, False),
        ({"ROLES": Outlook.STALLED, "ACCESS": Outlook.BLOCKED}, "Required", Outlook.STALLED, False),
    ],
)
def test_access_alone_is_tried_again(bad: dict[str, Outlook], verification: str, outlook: Outlook, again: bool) -> None:
    found = findings(**bad)

    assert assessment.outlook_of(found, Verification(verification)) is outlook
    assert assessment.only_access_is_awaited(found, outlook) is again


def test_disabled_access_is_good() -> None:
    found = [*findings()[:-1], not_asked(Link.ACCESS, Reason.DISABLED, "…")]

    assert assessment.outlook_of(found, Verification.DISABLED) is Outlook.GOOD
    assert assessment.outlook_of(found[:-1], Verification.DISABLED) is Outlook.GOOD
    assert found[-1].status == "Unknown"


def test_what_could_not_be_removed_is_tried_again_as_its_failure_is() -> None:
    locked, busy = (
        failed(Link.ROLES, Failure(Reason.CONFLICT, "…", outlook)) for outlook in (Outlook.STALLED, Outlook.TRANSIENT)
    )

    assert assessment.outlook_of_removals([]) is Outlook.GOOD
    assert assessment.outlook_of_removals([busy]) is Outlook.TRANSIENT
    assert assessment.outlook_of_removals([busy, locked]) is Outlook.STALLED


# transient failures


@pytest.mark.parametrize(
    ("count", "seconds", "lasts"), [(1, 0, True), (2, 0, True), (3, 0, False), (1, 899, True), (1, 900, False)]
)
def test_tolerance_ends_after_three_failures_or_a_quarter_of_an_hour(count: int, seconds: float, lasts: bool) -> None:
    tolerance = Tolerance()
    for _ in range(count):
        tolerance = tolerance.after_another(1000.0)

    assert tolerance.count == count
    assert tolerance.lasts(1000.0 + seconds) is lasts


@pytest.mark.parametrize(
    ("one", "bad", "lacking", "tolerated"),
    [
        (ready(), {"ROLES": Outlook.TRANSIENT}, False, True),
        (ready(), {"ROLES": Outlook.TRANSIENT}, True, False),  # an object was seen to be missing
        (ready(), {"ROLES": Outlook.TRANSIENT, "SECRETS": Outlook.STALLED}, False, False),
        (ready(), {"ROLES": Outlook.STALLED}, False, False),
        (ready(), {"ROLES": Outlook.WAITING}, False, False),
        (ready(), {}, False, False),
        (ready(generation=2), {"ROLES": Outlook.TRANSIENT}, False, False),
        (ready(status="False"), {"ROLES": Outlook.TRANSIENT}, False, False),
        (ready(), {"ACCESS": Outlook.TRANSIENT}, False, True),
        # access counts only under Required: otherwise its failures are neither tolerated nor an obstacle
        (ready({"verification": "Report"}), {"ACCESS": Outlook.TRANSIENT}, False, False),
        (ready({"verification": "Report"}), {"ROLES": Outlook.TRANSIENT, "ACCESS": Outlook.STALLED}, False, True),
    ],
)
def test_a_ready_resource_tolerates_only_transient_failures(
    one: Resource, bad: dict[str, Outlook], lacking: bool, tolerated: bool
) -> None:
    assert assessment.may_be_tolerated(one, findings(**bad), lacking=lacking) is tolerated


def test_the_first_tolerated_failure_is_an_event() -> None:
    found = findings(ROLES=Outlook.TRANSIENT, SECRETS=Outlook.TRANSIENT)

    assert events.tolerated_event(found, Tolerance(1, 0.0)) == Event("Warning", Reason.CONFLICT, "…")
    assert events.tolerated_event(found, Tolerance(2, 0.0)) is None


# overdue findings


def test_a_link_that_waited_too_long_needs_a_person() -> None:
    soon = Failure(Reason.PRINCIPAL_NOT_FOUND, "soon", Outlook.WAITING, limit=180.0, overdue="too long")
    waiting = failed(Link.ROLES, soon)

    assert assessment.overdue(resource(), waiting, 179.0) is waiting
    late = assessment.overdue(resource(), waiting, 180.0)
    assert (late.status, late.reason, late.message) == ("False", Reason.PRINCIPAL_NOT_FOUND, "too long")
    reported = replace(resource(), status=with_conditions(resource(), [late], NOW))
    assert assessment.overdue(reported, waiting, 0.0) == late  # its wait does not start again


# events


def condition(status: str, reason: Reason) -> Status:
    return Status(
        conditions=[
            Condition.model_validate(
                {
                    "type": "Ready",
                    "status": status,
                    "observedGeneration": 1,
                    "lastTransitionTime": "2026-03-01T12:00:00Z",
                    "reason": reason,
                    "message": "said",
                }
            )
        ]
    )


NOT_OWNED, GOOD, UNDER_WAY = (
    condition("False", Reason.NOT_OWNED),
    condition("True", Reason.READY),
    condition("Unknown", Reason.PROGRESSING),
)


@pytest.mark.parametrize(
    ("before", "now", "event"),
    [
        (Status(), GOOD, Event("Normal", Reason.READY, "said")),
        (Status(), NOT_OWNED, Event("Warning", Reason.NOT_OWNED, "said")),
        (Status(), UNDER_WAY, None),
        (Status(), Status(), None),
        (GOOD, GOOD, None),
        (GOOD, NOT_OWNED, Event("Warning", Reason.NOT_OWNED, "said")),
        (NOT_OWNED, condition("False", Reason.CONFLICT), Event("Warning", Reason.CONFLICT, "said")),
        (UNDER_WAY, GOOD, Event("Normal", Reason.READY, "said")),
        (GOOD, condition("False", Reason.SUSPENDED), Event("Normal", Reason.SUSPENDED, "said")),
        (NOT_OWNED, condition("False", Reason.SUSPENDED), Event("Normal", Reason.SUSPENDED, "said")),
        (condition("False", Reason.SUSPENDED), GOOD, Event("Normal", Reason.READY, "said")),
        (condition("False", Reason.SUSPENDED), NOT_OWNED, Event("Warning", Reason.NOT_OWNED, "said")),
    ],
)
def test_the_event_when_ready_changes(before: Status, now: Status, event: Event | None) -> None:
    assert events.ready_event(before, now) == event


def test_the_changes_of_a_pass_are_reported_as_drift_or_as_applied() -> None:
    done = [*EVERYTHING[:1], RELEASE]

    asked = events.changes_event(done, drift=False)
    drift = events.changes_event(done[:1], drift=True)
    removed = events.changes_event(done[1:], drift=True)

    credential = "federated credential for system:serviceaccount:gitlab:gitlab"
    assert asked == Event("Normal", Reason.APPLIED, f"Wrote {credential}. Removed our marks on secret old.")
    assert drift == Event("Warning", Reason.DRIFT_REPAIRED, f"Restored {credential}.")
    assert removed == Event("Warning", Reason.DRIFT_REPAIRED, "Removed our marks on secret old.")
    assert events.changes_event([], drift=True) is None


@pytest.mark.parametrize(
    ("known", "have", "said"),
    [
        ({}, HAVE, False),
        ({"clientId": CLIENT}, HAVE, False),
        ({"clientId": CLIENT}, Observed(), False),
        ({"clientId": CLIENT.replace("cccc", "dddd", 1)}, HAVE, True),
    ],
)
def test_another_client_id_is_reported_with_the_command_that_restarts_the_pods(
    known: dict[str, str], have: Observed, said: bool
) -> None:
    event = events.client_id_event(resource(status={"identity": known}), have)

    assert (event is not None) is said
    if event:
        assert event.reason is Reason.CLIENT_ID_CHANGED
        assert event.message.endswith("kubectl -n gitlab rollout restart deployment --selector release=gitlab")


def test_an_identity_that_stays_though_settings_name_another_place_is_reported() -> None:
    moved = DEFAULTS.model_copy(update={"resource_group": "rg-new"})

    event = events.pin_event(desired_of(RECORDED, defaults=moved))

    assert event is not None
    assert event.reason is Reason.IDENTITY_PINNED
    assert "rg-new" in event.message
    assert events.pin_event(WANT) is None


def test_another_cluster_of_our_name_is_reported() -> None:
    theirs = replace(WANT.credentials[0], name="theirs", issuer="https://other.example.com/")

    event = events.cluster_event(goal(), replace(HAVE, credentials=(theirs,)))

    assert event is not None
    assert (event.kind, event.reason) == ("Warning", Reason.CLUSTER_NOT_UNIQUE)
    assert events.cluster_event(goal(), HAVE) is None


def test_an_event_about_defects_of_the_release() -> None:
    event = events.defect_event(wanted({"gitlab": {"version": "9.11.1"}}))

    assert event is not None
    assert (event.kind, event.reason) == ("Warning", "KnownDefect")
    assert "401" in event.message
    assert "dependency_proxy" in event.message
    assert events.defect_event(WANT) is None


def test_a_defect_is_reported_in_one_line_that_says_where_to_look() -> None:
    link, failure = assessment.defect_failure(KeyError("two\nlines"), NOW)

    assert (link, failure.reason, failure.outlook) == (Link.IDENTITY, Reason.INTERNAL_ERROR, Outlook.TRANSIENT)
    assert failure.message == (
        "The operator failed: KeyError: 'two\\nlines'. This is a defect of the operator, not of this resource. The operator's "
        "log has the details, at 2026-03-01T12:00:00Z. It is tried again."
    )


def test_the_first_change_is_a_credential() -> None:
    """The tests above assume this."""
    assert EVERYTHING[0].link is Link.CREDENTIALS
    assert isinstance(EVERYTHING[1], PutAssignment)
    assert set(CHAIN) - set(PLANNED) == {Link.ACCESS, Link.WORKLOADS}
    assert assignment(WANT.storage.scope, HAVE_ROLE).role_guid == HAVE.assignments[0].role_guid


HAVE_ROLE = WANT.grants[0].role


def test_the_event_about_containers_names_them() -> None:
    created = [CreateContainer("gitlabstore.blob.core.windows.net", name, "gitlabstore") for name in ("tmp", "pages")]

    assert containers_event(created) == Event(
        "Normal",
        Reason.APPLIED,
        "Created container tmp of storage account gitlabstore; container pages of storage account gitlabstore.",
    )


OBSERVED = frozenset({Link.IDENTITY, Link.CREDENTIALS, Link.ROLES})
LACKS = failed(Link.ROLES, Failure(Reason.NOT_FOUND, "No role.", Outlook.STALLED))
WORKS = good(Link.ACCESS, Reason.VERIFIED, "It works.")
BUSY = failed(Link.ACCESS, Failure(Reason.AZURE_UNAVAILABLE, "Azure was busy.", Outlook.TRANSIENT))
DENIED = failed(Link.ACCESS, Failure(Reason.ACCESS_DENIED, "No.", Outlook.STALLED))
NOT_TRIED = failed(Link.ACCESS, Failure(Reason.PENDING, "Waits.", Outlook.BLOCKED))
UNASKED = not_asked(Link.ACCESS, Reason.DISABLED, "Disabled.")
BY_SIGHT, BY_PROOF = good(Link.ROLES, Reason.ASSIGNED, "…"), good(Link.ROLES, Reason.PROVEN, "…")


def at_last_pass(*seen: Finding, ago: float = 60) -> Resource:
    """The resource as a pass left it so many seconds ago."""
    return replace(resource(), status=with_conditions(resource(), seen, NOW - timedelta(seconds=ago)))


@pytest.mark.parametrize(
    ("before", "proof", "now"),
    [
        # a role above the account, or one of another name
        (resource(), WORKS, "True Proven"),
        (at_last_pass(LACKS, DENIED), WORKS, "True Proven"),
        (at_last_pass(BY_PROOF, WORKS), WORKS, "True Proven"),
        # what was removed still works for a while
        (at_last_pass(BY_SIGHT, WORKS), WORKS, "False NotFound"),
        (at_last_pass(LACKS, WORKS), WORKS, "False NotFound"),
        (at_last_pass(LACKS, WORKS, ago=2400), WORKS, "True Proven"),
        # nothing is proven
        (resource(), DENIED, "False NotFound"),
        (at_last_pass(BY_PROOF, WORKS), DENIED, "False NotFound"),
        (resource(), UNASKED, "False NotFound"),
        (resource(), BUSY, "False NotFound"),
        # what was proven stays so while it cannot be tried
        (at_last_pass(BY_PROOF, WORKS), BUSY, "Unknown AzureUnavailable"),
        (at_last_pass(BY_PROOF, WORKS), NOT_TRIED, "True Proven"),
        (at_last_pass(LACKS, DENIED), NOT_TRIED, "False NotFound"),
    ],
)
def test_an_observed_link_holds_where_access_works(before: Resource, proof: Finding, now: str) -> None:
    (found,) = assessment.with_proof(before, OBSERVED, [LACKS], proof, NOW, 2400.0)

    assert f"{found.status} {found.reason}" == now


@pytest.mark.parametrize(
    "other",
    [
        replace(LACKS, link=Link.IDENTITY),  # without an identity nothing works
        replace(LACKS, link=Link.SERVICE_ACCOUNTS),
        failed(Link.ROLES, Failure(Reason.AUTHORIZATION_FAILED, "No right.", Outlook.STALLED)),
    ],
)
def test_a_proof_says_nothing_of_other_findings(other: Finding) -> None:
    assert assessment.with_proof(resource(), OBSERVED, [other], WORKS, NOW, 2400.0) == (other,)


@pytest.mark.parametrize(
    ("before", "observed", "now", "appeared"),
    [
        (resource(), OBSERVED, BY_SIGHT, True),
        (at_last_pass(LACKS), OBSERVED, BY_SIGHT, True),
        (at_last_pass(BY_SIGHT), OBSERVED, BY_SIGHT, False),
        (at_last_pass(LACKS), OBSERVED, LACKS, False),
        (resource(), frozenset[Link](), BY_SIGHT, False),  # our own writes are known to be new
    ],
)
def test_what_somebody_added_is_new_to_azure(
    before: Resource, observed: frozenset[Link], now: Finding, appeared: bool
) -> None:
    assert assessment.appeared(before, observed, [now]) is appeared
