"""The status: conditions and their times, the record, and invariants over generated inputs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.api import ADOPT_ANNOTATION
from gitlab_azure_identity.api.conditions import CHAIN, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import (
    ContainerStatus,
    RoleAssignmentStatus,
    ServiceAccountStatus,
    Status,
    StorageStatus,
)
from gitlab_azure_identity.azure.errors import AzureError, Operation, classify
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.deletion import Left
from gitlab_azure_identity.domain.deletion_status import deletion_waits
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed, good
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.observed import ClusterObject, Observation, Observed
from gitlab_azure_identity.domain.readiness import ready, was_overdue, was_ready
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR
from gitlab_azure_identity.domain.status import (
    after_pass,
    before_writing,
    records_the_same,
    suspended,
    with_conditions,
    without_use,
)
from gitlab_azure_identity.domain.storage_account import StorageAccount
from tests.invariants import broken

from .worlds import (
    ACCOUNT,
    BEFORE_TEXT,
    CLIENT,
    ISSUER,
    MANAGER,
    NOW,
    NOW_TEXT,
    PRINCIPAL,
    STORAGE,
    SUBSCRIPTION,
    assignment,
    deletion,
    desired_of,
    goal,
    identity,
    resource,
    standing,
    wanted,
)

WANT = wanted()
HAVE = standing()
STORE = f"{STORAGE}/gitlabstore"
CONTRIBUTOR = "Storage Blob Data Contributor"
OWNER = WANT.owner.description
BY_HAND = "bbbbbbbb-0000-4000-8000-000000000001"
Truth = Literal["True", "False", "Unknown"]


def finding(link: Link, outlook: Outlook = Outlook.GOOD, reason: Reason = Reason.WRITTEN) -> Finding:
    message = f"{link} is {reason}."
    return good(link, reason, message) if outlook is Outlook.GOOD else failed(link, Failure(reason, message, outlook))


def chain(**bad: Outlook) -> list[Finding]:
    """Findings of all links. All are good but the named ones."""
    return [finding(link, bad.get(link, Outlook.GOOD), REASONS[link]) for link in CHAIN]


REASONS = {
    Link.IDENTITY: Reason.NOT_PERMITTED,
    Link.CREDENTIALS: Reason.LIMIT_EXCEEDED,
    Link.ROLES: Reason.ACCOUNT_NOT_FOUND,
    Link.SERVICE_ACCOUNTS: Reason.NOT_FOUND,
    Link.SECRETS: Reason.FIELD_CONFLICT,
    Link.ACCESS: Reason.ACCESS_DENIED,
    Link.WORKLOADS: Reason.STALE_PODS,
}


def types(status: Status) -> list[str]:
    return [condition.type for condition in status.conditions]


@pytest.mark.parametrize(
    ("bad", "verification", "verdict"),
    [
        ({}, "Required", ("True", "Ready")),
        ({"RolesAssigned": Outlook.STALLED}, "Required", ("False", "AccountNotFound")),
        ({"RolesAssigned": Outlook.WAITING}, "Required", ("Unknown", "AccountNotFound")),
        ({"RolesAssigned": Outlook.TRANSIENT}, "Required", ("Unknown", "AccountNotFound")),
        # the first link that does not hold, and not one that only waits for another link
        (
            {"CredentialsFederated": Outlook.WAITING, "SecretsWritten": Outlook.STALLED},
            "Required",
            ("Unknown", "LimitExceeded"),
        ),
        (
            {"IdentityReady": Outlook.BLOCKED, "RolesAssigned": Outlook.STALLED, "AccessVerified": Outlook.BLOCKED},
            "Required",
            ("False", "AccountNotFound"),
        ),
        # access counts only when it is required
        ({"AccessVerified": Outlook.STALLED}, "Required", ("False", "AccessDenied")),
        ({"AccessVerified": Outlook.STALLED}, "Report", ("True", "Ready")),
        ({"AccessVerified": Outlook.WAITING}, "Report", ("True", "Ready")),
        ({"AccessVerified": Outlook.STALLED}, "Disabled", ("True", "Ready")),
        # a resource that could not be observed is not Ready
        ({"AccessVerified": Outlook.BLOCKED}, "Required", ("Unknown", "AccessDenied")),
    ],
)
def test_ready_is_the_first_link_that_does_not_hold(
    bad: dict[str, Outlook], verification: str, verdict: tuple[str, str]
) -> None:
    one = resource({"verification": verification})

    found = ready(chain(**bad), one.legible.verification)
    status = with_conditions(one, chain(**bad), NOW)

    assert (found.status, found.reason) == verdict
    shown = status.condition("Ready")
    assert shown is not None
    assert (shown.status, shown.reason) == verdict


@pytest.mark.parametrize(
    ("outlook", "companion"),
    [
        (Outlook.GOOD, None),
        (Outlook.WAITING, "Reconciling"),
        (Outlook.TRANSIENT, "Reconciling"),
        (Outlook.STALLED, "Stalled"),
    ],
)
def test_the_conditions_beside_ready(outlook: Outlook, companion: str | None) -> None:
    """kstatus: Reconciling and Stalled exist only while True, with the reason and the message of Ready."""
    status = with_conditions(resource(), chain(SecretsWritten=outlook), NOW)

    assert types(status) == ["Ready", *([companion] if companion else []), *CHAIN]
    if companion:
        told, first = status.condition(companion), status.condition("Ready")
        assert told is not None
        assert first is not None
        assert (told.status, told.reason, told.message) == ("True", first.reason, first.message)


def ready_before(**metadata: Any) -> Resource:
    """A resource that became Ready in February."""
    status = with_conditions(resource(), chain(), NOW).model_dump(by_alias=True, exclude_none=True)
    for condition in status["conditions"]:
        condition["lastTransitionTime"] = BEFORE_TEXT
    return resource(status=status, **metadata)


def times(status: Status) -> dict[str, str]:
    return {condition.type: condition.last_transition_time for condition in status.conditions}


def test_a_transition_time_moves_only_with_its_status() -> None:
    status = with_conditions(ready_before(generation=2), chain(AccessVerified=Outlook.WAITING), NOW)

    assert {kind for kind, moment in times(status).items() if moment == NOW_TEXT} == {
        "Ready",
        "Reconciling",
        Link.ACCESS,
    }
    assert {condition.observed_generation for condition in status.conditions} == {2}


def test_another_message_is_no_transition() -> None:
    findings = [replace(one, message="In other words.", reason=Reason.ANNOTATED) for one in chain()]

    assert set(times(with_conditions(ready_before(), findings, NOW)).values()) == {BEFORE_TEXT}


def test_a_pass_that_finds_the_same_gives_the_same_status() -> None:
    """So nothing is written."""
    one = ready_before()

    assert with_conditions(one, chain(), NOW) == one.status


def test_a_request_is_answered() -> None:
    one = resource(annotations={"gitlabazure.io/requested-at": "now"})

    assert with_conditions(one, chain(), NOW).last_handled_reconcile_at == "now"


@pytest.mark.parametrize(
    ("generation", "bad", "was"),
    [(1, {}, True), (2, {}, False), (1, {"SecretsWritten": Outlook.WAITING}, False)],
)
def test_was_ready_is_about_this_generation(generation: int, bad: dict[str, Outlook], was: bool) -> None:
    before = with_conditions(resource(), chain(**bad), NOW).model_dump(by_alias=True, exclude_none=True)

    assert was_ready(resource(status=before, generation=generation)) is was
    assert not was_ready(resource())


# The record


def recorded(one: Resource, status: Status) -> Resource:
    """The resource with a status, as it comes back from the API server."""
    return replace(one, status=Status.model_validate(status.model_dump(by_alias=True, exclude_none=True)))


def summary(
    one: Resource,
    have: Observed,
    unseen: frozenset[Link] = frozenset(),
    former: frozenset[str] = frozenset(),
    account: StorageAccount | None = None,
) -> Status:
    to = goal(desired_of(one))
    containers = [ContainerStatus(name="registry", purpose="registry", state="Verified")]
    findings = (*judge(to, have, PassRecord()), finding(Link.ACCESS))
    observation = Observation(have, dict.fromkeys(unseen, MAY_NOT), dict.fromkeys(former, MAY_NOT), account=account)
    return after_pass(one, to, have, findings, containers, observation, NOW)


def test_before_the_first_write_everything_that_is_about_to_be_made_is_recorded() -> None:
    """A pass that is killed half-way leaves nothing that is not on record."""
    status = before_writing(resource(), goal(WANT), NOW)

    assert status.identity is not None
    assert (status.identity.name, status.identity.resource_id) == (WANT.identity.name, str(WANT.identity.id))
    assert status.identity.client_id is None
    assert status.role_assignments == [RoleAssignmentStatus(name="", role=CONTRIBUTOR, scope=STORE)]
    assert status.service_accounts == [ServiceAccountStatus(name="gitlab", management="Manage")]
    assert status.secrets is not None
    assert status.secrets.registry == "gitlab-registry-storage"
    assert status.values_config_map == "gitlab-gitlab-values"
    assert status.issuer == ISSUER
    assert {container.state for container in status.containers} == {"Unverified"}
    shown = status.condition("Ready")
    assert shown is not None
    assert (shown.status, shown.reason) == ("Unknown", "Progressing")


def test_existing_objects_are_recorded_with_their_names() -> None:
    status = summary(resource(), HAVE)

    assert status.identity is not None
    assert (status.identity.client_id, status.identity.principal_id) == (CLIENT, PRINCIPAL)
    assert status.identity.origin == "Created"
    assert [c.subject for c in status.federated_credentials] == ["system:serviceaccount:gitlab:gitlab"]
    assert [(a.name, a.role, a.scope) for a in status.role_assignments] == [
        (HAVE.assignments[0].name, CONTRIBUTOR, STORE)
    ]
    assert status.retired_secrets == []
    assert [container.state for container in status.containers] == ["Verified"]


def test_an_adopted_identity_is_recorded_as_adopted() -> None:
    status = summary(resource(), replace(HAVE, identity=identity(tags={})))

    assert status.identity is not None
    assert status.identity.origin == "Adopted"


def test_an_assignment_stays_recorded_until_it_is_seen_deleted() -> None:
    """Otherwise it would never be looked for again."""
    moved = {"storage": {"accountName": "newstore"}}
    before = recorded(resource(), summary(resource(), HAVE))
    again = replace(resource(moved, generation=2), status=before.status)

    started = before_writing(again, goal(desired_of(again)), NOW)
    old = assignment(STORE, STORAGE_BLOB_DATA_CONTRIBUTOR, owner=OWNER)
    new = assignment(f"{STORAGE}/newstore", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=OWNER)
    both = summary(recorded(again, started), replace(HAVE, assignments=(old, new)))
    rest = summary(recorded(again, both), replace(HAVE, assignments=(new,)))

    assert [entry.scope for entry in started.role_assignments] == [STORE, f"{STORAGE}/newstore"]
    assert [entry.scope for entry in both.role_assignments] == [f"{STORAGE}/newstore", STORE]
    assert [entry.scope for entry in rest.role_assignments] == [f"{STORAGE}/newstore"]


def test_somebody_elses_assignment_is_recorded_only_while_it_is_used() -> None:
    theirs = assignment(f"{STORAGE}/x", STORAGE_BLOB_DATA_CONTRIBUTOR)
    by_hand = replace(HAVE.assignments[0], name=BY_HAND, description="")

    status = summary(resource(), replace(HAVE, assignments=(theirs, by_hand)))

    assert [entry.name for entry in status.role_assignments] == [BY_HAND]


def test_a_grant_that_nothing_answers_stays_recorded_without_a_name() -> None:
    status = summary(resource(), replace(HAVE, assignments=()))

    assert status.role_assignments == [RoleAssignmentStatus(name="", role=CONTRIBUTOR, scope=STORE)]


def test_a_record_is_not_doubled_by_another_pass() -> None:
    one = resource()
    for _ in range(3):
        one = recorded(one, before_writing(one, goal(WANT), NOW))

    assert len(one.status.role_assignments) == 1
    assert len(one.status.service_accounts) == 1


def earlier(kind: str, name: str, **changed: Any) -> ClusterObject:
    made = ClusterObject(kind, name, "uid", "1", WANT.owner.labels, {}, managers=frozenset({MANAGER}))
    return replace(made, **changed)


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (earlier("Secret", "gitlab-registry-storage"), True),
        (earlier("Secret", "gitlab-registry-storage", annotations={ADOPT_ANNOTATION: "gitlab"}), True),
        (earlier("Secret", "gitlab-registry-storage", labels={}, managers=frozenset({"helm"})), False),
        (None, False),
    ],
    ids=["ours", "handed over to us", "somebody else's", "no longer exists"],
)
def test_a_secret_under_a_former_name_is_recorded_until_it_is_deleted(found: ClusterObject | None, kept: bool) -> None:
    renamed = {"secrets": {"registry": {"name": "other"}}}
    before = recorded(resource(), summary(resource(), HAVE))
    again = replace(resource(renamed, generation=2), status=before.status)

    started = recorded(again, before_writing(again, goal(desired_of(again)), NOW))
    have = HAVE.without_object("Secret", "gitlab-registry-storage")
    status = summary(started, have.with_object(found) if found else have)

    assert started.status.retired_secrets == ["gitlab-registry-storage"]
    assert status.retired_secrets == (["gitlab-registry-storage"] if kept else [])


def test_a_retired_secret_that_is_wanted_again_is_no_longer_retired() -> None:
    one = resource(status={"retiredSecrets": ["gitlab-registry-storage", "older"]})

    assert before_writing(one, goal(WANT), NOW).retired_secrets == ["older"]


def test_a_former_service_account_is_retiring_until_it_is_deleted() -> None:
    lingering = summary(resource(), HAVE.with_object(earlier("ServiceAccount", "old")))

    assert [(a.name, a.management) for a in lingering.service_accounts] == [("gitlab", "Manage"), ("old", "Retiring")]
    assert [a.name for a in summary(resource(), HAVE).service_accounts] == ["gitlab"]


def test_the_pin_survives_the_start_of_a_pass() -> None:
    pinned = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/old/providers/Microsoft.ManagedIdentity/userAssignedIdentities/own"
    one = resource(status={"identity": {"resourceId": pinned, "clientId": CLIENT, "principalId": PRINCIPAL}})

    status = before_writing(one, goal(desired_of(one)), NOW)

    assert status.identity is not None
    assert (status.identity.resource_id, status.identity.client_id) == (pinned, CLIENT)


def test_suspended_freezes_everything_but_ready() -> None:
    one = ready_before(generation=2)

    status = suspended(one, NOW)

    shown = status.condition("Ready")
    assert shown is not None
    assert (shown.status, shown.reason) == ("False", "Suspended")
    assert types(status) == ["Ready", *CHAIN]
    assert times(status)[Link.ROLES] == BEFORE_TEXT
    assert suspended(replace(one, status=status), NOW) == status


MAY_NOT = Failure(Reason.AUTHORIZATION_FAILED, "The operator may not.", Outlook.STALLED)
BUSY = Failure(Reason.AZURE_UNAVAILABLE, "Azure could not.", Outlook.TRANSIENT)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (MAY_NOT, [("Ready", "False", "DeletionBlocked"), ("Stalled", "True", "DeletionBlocked")]),
        (BUSY, [("Ready", "Unknown", "AzureUnavailable"), ("Reconciling", "True", "AzureUnavailable")]),
    ],
    ids=["blocked", "tried again"],
)
def test_a_deletion_that_cannot_go_on_says_why(failure: Failure, told: list[tuple[str, str, str]]) -> None:
    """A resource that is being deleted is not Ready."""
    status = deletion_waits(ready_before(deleting=True), failure, NOW)

    assert [(c.type, c.status, c.reason) for c in status.conditions[:2]] == told
    assert {c.message for c in status.conditions[:2]} == {failure.message}


AFTER_ROLES = frozenset(assignment.key for assignment in HAVE.assignments)
NOTHING = Observed()


def before_its_deletion() -> Resource:
    """A Ready resource with everything on record, which is being deleted."""
    one = replace(ready_before(deleting=True), status=summary(resource(), HAVE))
    kept = [*ready_before(deleting=True).status.conditions]
    containers = [ContainerStatus(name="registry", purpose="registry", state="Verified")]
    return replace(one, status=one.status.model_copy(update={"conditions": kept, "containers": containers}))


def waiting_for(left: Left) -> Status:
    return deletion_waits(before_its_deletion(), MAY_NOT, NOW, left)


def told(status: Status) -> dict[str, tuple[str, str]]:
    return {c.type: (c.status, c.reason) for c in status.conditions if c.type in tuple(Link)}


def test_while_a_deletion_waits_and_nothing_was_removed_everything_stays_as_it_was() -> None:
    before = before_its_deletion().status

    status = waiting_for(Left(deletion(), HAVE, frozenset(), frozenset()))

    assert status.model_copy(
        update={"conditions": before.conditions, "observed_generation": None}
    ) == before.model_copy(update={"observed_generation": None})
    assert {value for value, _ in told(status).values()} == {"True"}


def test_while_a_deletion_waits_what_was_removed_is_neither_true_nor_listed() -> None:
    """Here the roles are removed, and a right in the cluster is missing."""
    left = replace(HAVE, assignments=())

    status = waiting_for(Left(deletion(), left, frozenset(), AFTER_ROLES))

    assert status.role_assignments == []
    assert told(status)[Link.ROLES] == told(status)[Link.ACCESS] == told(status)[Link.WORKLOADS] == ("False", "Removed")
    ended = (Link.ROLES, Link.ACCESS, Link.WORKLOADS)
    assert {told(status)[link][0] for link in CHAIN if link not in ended} == {"True"}
    shown = status.condition(Link.ROLES)
    assert shown is not None
    assert shown.message == "The deletion has removed it. Nothing is left."
    assert {container.state for container in status.containers} == {"Unverified"}
    again = deletion_waits(replace(before_its_deletion(), status=status), MAY_NOT, NOW, Left(deletion(), left, (), ()))
    assert again == status  # the next attempt finds nothing more to remove, and writes nothing


def test_while_a_deletion_waits_a_part_that_is_left_is_named() -> None:
    kept = {key: found for key, found in HAVE.objects.items() if key == ("Secret", "gitlab-object-storage")}

    status = waiting_for(Left(deletion(), replace(HAVE, objects=kept), frozenset(), frozenset()))

    assert (status.service_accounts, status.values_config_map) == ([], None)
    assert status.secret_names == ["gitlab-object-storage"]
    shown = status.condition(Link.SECRETS)
    assert shown is not None
    assert shown.message == "The deletion has removed a part of it. Left: gitlab-object-storage."


def test_while_a_deletion_waits_what_could_not_be_seen_or_is_not_confirmed_stays_listed() -> None:
    before = before_its_deletion().status
    unseen = frozenset({Link.SERVICE_ACCOUNTS, Link.SECRETS})

    status = waiting_for(Left(deletion(), NOTHING, unseen, frozenset()))

    assert status.model_copy(update={"conditions": []}) == before.model_copy(
        update={"conditions": [], "observed_generation": status.observed_generation}
    )


@pytest.mark.parametrize("deleted", [f"{WANT.identity.id.key}/{WANT.credentials[0].name}", WANT.identity.id.key])
def test_a_credential_is_removed_by_itself_or_with_its_identity(deleted: str) -> None:
    gone = deleted == WANT.identity.id.key
    left = replace(HAVE, credentials=(), identity=None if gone else HAVE.identity)

    status = waiting_for(Left(deletion(), left, frozenset(), frozenset({deleted})))

    assert status.federated_credentials == []
    assert told(status)[Link.CREDENTIALS] == ("False", "Removed")
    assert (told(status)[Link.IDENTITY] == ("False", "Removed")) is gone
    assert status.identity is not None  # its place says where to look, until the resource is let go
    seen = waiting_for(Left(deletion(), HAVE, frozenset(), frozenset({deleted})))
    assert [entry.name for entry in seen.federated_credentials] == [WANT.credentials[0].name]  # it stands again


def test_access_that_was_not_proven_before_a_deletion_is_not_called_removed() -> None:
    one = before_its_deletion()
    unproven = [
        c.model_copy(update={"status": "Unknown", "reason": "Pending"}) if c.type == Link.ACCESS else c
        for c in one.status.conditions
    ]
    one = replace(one, status=one.status.model_copy(update={"conditions": unproven}))

    status = deletion_waits(one, MAY_NOT, NOW, Left(deletion(), replace(HAVE, assignments=()), (), AFTER_ROLES))

    assert told(status)[Link.ACCESS] == ("Unknown", "Pending")


# Invariants

STATUSES: dict[Outlook, tuple[Truth, ...]] = {
    Outlook.GOOD: ("True", "Unknown"),  # Unknown: verification is Disabled
    Outlook.BLOCKED: ("Unknown",),
    Outlook.WAITING: ("Unknown",),
    Outlook.TRANSIENT: ("Unknown",),
    Outlook.STALLED: ("False",),
}


@st.composite
def findings_of_all_links(draw: st.DrawFn) -> list[Finding]:
    outlooks = [draw(st.sampled_from(list(Outlook))) for _ in CHAIN]
    return [finding(link, outlook) for link, outlook in zip(CHAIN, outlooks, strict=True)]


STEPS = st.sampled_from(
    ["with_conditions", "before_writing", "after_pass", "suspended", "blocked", "retried", "half removed", "removed"]
)


@settings(max_examples=20, derandomize=True)
@given(
    st.sampled_from(["Required", "Report", "Disabled"]),
    st.lists(st.tuples(STEPS, findings_of_all_links(), st.integers(0, 2)), min_size=1, max_size=4),
)
def test_every_status_satisfies_the_invariants(verification: str, steps: list[tuple[str, list[Finding], int]]) -> None:
    """For any sequence of findings and generations."""
    status, generation = Status(), 1
    for step, findings, newer in steps:
        generation += newer
        one = replace(resource({"verification": verification}, generation=generation), status=status)
        match step:
            case "with_conditions":
                status = with_conditions(one, findings, NOW)
            case "before_writing":
                status = before_writing(one, goal(WANT), NOW)
            case "after_pass":
                status = after_pass(one, goal(), HAVE, findings, (), Observation(HAVE), NOW)
            case "suspended":
                status = suspended(one, NOW)
            case "blocked":
                status = deletion_waits(one, MAY_NOT, NOW)
            case "retried":
                status = deletion_waits(one, BUSY, NOW)
            case "half removed":
                status = deletion_waits(one, MAY_NOT, NOW, Left(deletion(), HAVE, (), AFTER_ROLES))
            case "removed":
                status = deletion_waits(one, BUSY, NOW, Left(deletion(), NOTHING, (), AFTER_ROLES))
        written = {
            "metadata": {"generation": generation},
            "status": status.model_dump(by_alias=True, exclude_none=True),
        }
        assert not broken(written)
        assert (
            status.observed_generation == generation
        )  # and so Ready is never True for a former generation: check 0007
        assert (step != "with_conditions") or _ready_is_earned(status, findings, verification)


def _ready_is_earned(status: Status, findings: list[Finding], verification: str) -> bool:
    """Ready is True exactly while every link that counts holds."""
    shown = status.condition("Ready")
    counted = [f for f in findings if f.link is not Link.ACCESS or verification == "Required"]
    return (shown is not None and shown.status == "True") == all(f.outlook is Outlook.GOOD for f in counted)


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("False", "PrincipalNotFound", True),  # its wait does not start again
        ("False", "AuthorizationFailed", False),
        ("Unknown", "PrincipalNotFound", False),
        ("True", "Assigned", False),
    ],
)
def test_an_overdue_finding_was_already_reported(status: str, reason: str, told: bool) -> None:
    earlier = {
        "type": Link.ROLES,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE_TEXT,
        "reason": reason,
        "message": "…",
    }
    waiting = failed(Link.ROLES, Failure(Reason.PRINCIPAL_NOT_FOUND, "…", Outlook.WAITING))

    assert was_overdue(resource(status={"conditions": [earlier]}), waiting) is told


@pytest.mark.parametrize(
    ("seconds", "status"), [(0.0, "Unknown"), (179.9, "Unknown"), (180.0, "False"), (math.inf, "False")]
)
def test_a_principal_is_waited_for_three_minutes(seconds: float, status: str) -> None:
    refused = AzureError("PrincipalNotFound", 400, "Principal … does not exist in the directory.")
    finding = failed(Link.ROLES, classify(refused, Operation("assign roles", ""))).after(seconds)

    assert finding.status == status
    assert ("after 3 minutes" in finding.message) is (status == "False")
    assert finding.outlook is (Outlook.STALLED if status == "False" else Outlook.WAITING)


def test_a_former_storage_account_that_could_not_be_read_stays_on_record() -> None:
    """The wanted assignments are recorded as they are."""
    moved = resource({"storage": {"accountName": "other"}}, generation=2)
    before = recorded(moved, summary(resource(), HAVE))
    now = standing(desired_of(moved))

    told = {
        entry.scope
        for entry in summary(before, now, former=frozenset({StorageScope.parse(STORE).key})).role_assignments
    }

    assert told == {STORE, f"{STORAGE}/other"}
    assert {entry.scope for entry in summary(before, now).role_assignments} == {f"{STORAGE}/other"}


BEFORE = "https://before.example/"


def test_a_former_issuer_is_recorded_until_no_credential_with_it_is_left() -> None:
    one = resource(status={"issuer": BEFORE})
    to = replace(goal(), former_issuers=(BEFORE,))
    old = Credential(
        f"{naming.credential_prefix(BEFORE, 'gitlab', 'gitlab')}gitlab",
        BEFORE,
        "system:serviceaccount:gitlab:gitlab",
        "api://AzureADTokenExchange",
    )
    lingering = replace(HAVE, credentials=(*HAVE.credentials, old))

    def remembered(have: Observed, unseen: frozenset[Link] = frozenset()) -> list[str]:
        observation = Observation(have, dict.fromkeys(unseen, MAY_NOT))
        return after_pass(one, to, have, judge(to, have, PassRecord()), (), observation, NOW).former_issuers

    assert before_writing(one, to, NOW).former_issuers == [BEFORE]
    assert remembered(lingering) == [BEFORE]
    assert remembered(HAVE, frozenset({Link.CREDENTIALS})) == [BEFORE]
    assert remembered(HAVE) == []


@pytest.mark.parametrize("link", [Link.ROLES, Link.SERVICE_ACCOUNTS, Link.SECRETS])
def test_an_object_that_could_not_be_seen_stays_on_record(link: Link) -> None:
    """Otherwise the next pass, and the deletion, would never look for it again."""
    moved = {
        "storage": {"accountName": "other"},
        "serviceAccounts": [{"name": "new"}],
        "secrets": {"registry": {"name": "other"}},
    }
    again = replace(resource(moved, generation=2), status=recorded(resource(), summary(resource(), HAVE)).status)
    started = recorded(again, before_writing(again, goal(desired_of(again)), NOW))

    status = summary(started, Observed(identity=HAVE.identity), frozenset({link}))

    scopes = {entry.scope for entry in status.role_assignments}
    accounts = {entry.name for entry in status.service_accounts}
    assert (STORE in scopes) is (link == Link.ROLES)
    assert ("gitlab" in accounts) is (link == Link.SERVICE_ACCOUNTS)
    assert (status.retired_secrets == ["gitlab-registry-storage"]) is (link == Link.SECRETS)


def test_conditions_and_states_of_containers_are_no_record() -> None:
    """A pass that starts with the same record writes no status before its first change."""
    one = resource()
    begun = before_writing(one, goal(WANT), NOW)
    known = summary(recorded(one, begun), HAVE)

    assert records_the_same(begun.model_copy(update={"conditions": [], "containers": []}), begun)
    assert not records_the_same(begun, one.status)
    assert records_the_same(before_writing(recorded(one, known), goal(WANT), NOW), known)


def test_an_identity_that_does_not_exist_yet_is_recorded_by_its_wanted_place() -> None:
    known = summary(resource(), Observed()).identity

    assert known is not None
    assert (known.resource_id, known.principal_id, known.origin) == (str(WANT.identity.id), None, None)


# The storage account


def account(**changed: Any) -> StorageAccount:
    return replace(ACCOUNT, **changed)


@pytest.mark.parametrize(("shared_keys", "access"), [(True, "Enabled"), (False, "Disabled")])
def test_the_status_tells_whether_keys_still_reach_the_account(shared_keys: bool, access: str) -> None:
    status = summary(resource(), HAVE, account=account(shared_keys=shared_keys))

    assert status.storage == StorageStatus(
        blob_endpoint="https://gitlabstore.blob.core.windows.net/", shared_key_access=access
    )


def test_what_is_known_of_the_account_stays_when_azure_does_not_describe_it() -> None:
    before = recorded(resource(), summary(resource(), HAVE, account=account()))

    assert summary(before, HAVE).storage == before.status.storage


def test_nothing_is_said_of_keys_when_the_account_is_another() -> None:
    before = recorded(resource(), summary(resource(), HAVE, account=account()))
    moved = replace(before, spec=resource({"storage": {"accountName": "other"}}).spec)

    assert summary(moved, HAVE).storage == StorageStatus(blob_endpoint="https://other.blob.core.windows.net/")


OBSERVED = wanted({"identity": {"management": "Observe"}, "roleAssignments": {"management": "Observe"}})


@pytest.mark.parametrize(("tags", "origin"), [({}, "Observed"), (None, "Created")])
def test_an_observed_identity_is_ours_only_by_its_tags(tags: dict[str, str] | None, origin: str) -> None:
    have = replace(standing(OBSERVED), identity=identity(tags=tags))
    to = goal(OBSERVED, may_adopt=True)

    status = after_pass(resource(), to, have, judge(to, have, PassRecord()), (), Observation(have), NOW)

    assert status.identity is not None
    assert status.identity.origin == origin
    assert status.missing == []


def test_what_an_observed_identity_lacks_stands_in_the_status() -> None:
    have = Observed(identity(tags={}))
    to = goal(OBSERVED, may_adopt=True)

    status = after_pass(resource(), to, have, judge(to, have, PassRecord()), (), Observation(have), NOW)

    assert [entry.kind for entry in status.missing] == ["FederatedCredential", "RoleAssignment"]
    assert status.role_assignments == []  # none of ours is about to be created


def test_an_observed_identity_that_does_not_exist_is_not_recorded() -> None:
    to = goal(OBSERVED, may_adopt=True)

    status = without_use(resource(), to, Observed(), judge(to, Observed(), PassRecord()), NOW)

    assert status.identity is None
    assert [entry.kind for entry in status.missing] == ["ManagedIdentity", "FederatedCredential", "RoleAssignment"]


def test_before_the_first_write_no_role_is_recorded_that_somebody_else_assigns() -> None:
    assert before_writing(resource(), goal(OBSERVED), NOW).role_assignments == []


def test_what_access_works_without_is_not_missing() -> None:
    have = Observed(identity(tags={}))
    proven = [good(link, Reason.PROVEN, "…") for link in (Link.CREDENTIALS, Link.ROLES)]

    status = after_pass(resource(), goal(OBSERVED, may_adopt=True), have, proven, (), Observation(have), NOW)

    assert status.missing == []


def test_a_container_that_is_missing_stands_in_the_status() -> None:
    have = standing()
    absent = [ContainerStatus(name="registry", purpose="registry", state=Reason.CONTAINER_NOT_FOUND)]

    status = after_pass(resource(), goal(), have, judge(goal(), have, PassRecord()), absent, Observation(have), NOW)

    assert [(entry.kind, entry.name) for entry in status.missing] == [("Container", "registry")]


def test_a_container_that_was_seen_is_remembered_while_the_account_is_the_same() -> None:
    have = standing()

    def after(one: Resource, state: Reason) -> Status:
        seen = [ContainerStatus(name="registry", purpose="registry", state=state)]
        return after_pass(one, goal(), have, judge(goal(), have, PassRecord()), seen, Observation(have), NOW)

    first = after(resource(), Reason.CONTAINER_NOT_FOUND)
    seen = after(replace(resource(), status=first), Reason.VERIFIED)
    gone = after(replace(resource(), status=seen), Reason.CONTAINER_NOT_FOUND)

    assert [status.containers[0].existed for status in (first, seen, gone)] == [None, True, True]
    written = before_writing(replace(resource(), status=gone), goal(), NOW)
    assert {one.name for one in written.containers if one.existed} == {"registry"}
