"""The judgements of a deletion: which failures block it, what it may remove next, and its message while it waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api.conditions import PLANNED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain.changes import DeleteAssignment, DeleteIdentity
from gitlab_azure_identity.domain.deletion import (
    blocking,
    by_link,
    let_go,
    next_changes,
    nothing_was_created,
    scope_is_absent,
    taken_for_deleted,
    with_way_out,
)
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.observed import Observation, Observed
from gitlab_azure_identity.domain.where import WhereToLook, where_to_look

from .worlds import PRINCIPAL, body, deletion, identity, resource, standing, wanted

HAVE = standing()
WANT = wanted()
DENIED = Failure(Reason.AUTHORIZATION_FAILED, "The operator may not do that.", Outlook.STALLED)
FORBIDDEN = Failure(Reason.FORBIDDEN, "The operator may not do that here.", Outlook.STALLED)
BUSY = Failure(Reason.AZURE_UNAVAILABLE, "Azure was busy.", Outlook.TRANSIENT)
NO_LOGIN = Failure(Reason.AUTHENTICATION_FAILED, "The operator could not log in.", Outlook.STALLED)
KNOWN = {"identity": {"resourceId": str(WANT.identity.id), "principalId": PRINCIPAL}}
RECORDED = resource(status=KNOWN)


@pytest.mark.parametrize(
    ("spec", "annotations", "reason"),
    [
        ({}, {}, None),
        ({"deletionPolicy": "Retain"}, {}, Reason.RETAINED),
        ({}, {"gitlabazure.io/abandon": "true"}, Reason.ABANDONED),
        ({}, {"gitlabazure.io/abandon": "yes"}, None),
        ({"deletionPolicy": "Retain"}, {"gitlabazure.io/abandon": "true"}, Reason.RETAINED),
        # a spec that cannot be read keeps its levers
        ({"deletionPolicy": "Retain", "verification": "Perhaps"}, {}, Reason.RETAINED),
        ({"deletionPolicy": "Delete", "verification": "Perhaps"}, {}, None),
    ],
)
def test_when_nothing_is_to_be_removed(
    spec: dict[str, Any], annotations: dict[str, str], reason: Reason | None
) -> None:
    event = let_go(resource(spec, annotations=annotations, deleting=True))

    assert (event and event.reason) == reason
    assert event is None or event.kind == "Normal"  # somebody pulled a lever


def test_retaining_under_a_spec_that_cannot_be_read_names_the_field() -> None:
    event = let_go(Resource.parse(body({"deletionPolicy": "Retain", "verification": "Perhaps"}, deleting=True)))

    assert event is not None
    assert "everything stays" in event.message
    assert "spec.verification: " in event.message


def where(one: Resource) -> WhereToLook:
    return where_to_look(one, deletion(), ())


@pytest.mark.parametrize(
    ("one", "failure", "nothing"),
    [
        (resource(), DENIED, True),
        (resource(), BUSY, False),
        (resource(), NO_LOGIN, False),  # the operator got no answer, and knows nothing
        (RECORDED, DENIED, False),
        (resource(status={"identity": {"resourceId": str(WANT.identity.id)}}), DENIED, False),  # about to be created
    ],
)
def test_a_refused_observation_does_not_matter_when_nothing_was_created(
    one: Resource, failure: Failure, nothing: bool
) -> None:
    assert nothing_was_created(where(one), failure) is nothing


@pytest.mark.parametrize(
    ("unseen", "links"),
    [
        ({}, set(PLANNED)),
        ({Link.ROLES: DENIED}, set()),
        ({Link.SECRETS: DENIED}, {Link.ROLES, Link.SERVICE_ACCOUNTS}),
        ({Link.CREDENTIALS: DENIED}, {Link.ROLES, Link.SERVICE_ACCOUNTS, Link.SECRETS}),
    ],
)
def test_nothing_is_removed_before_what_could_not_be_seen(unseen: dict[Link, Failure], links: set[Link]) -> None:
    """An assignment outlives its identity, and then belongs to nobody."""
    assert {change.link for change in next_changes(deletion(), HAVE, unseen, unseen)} == links


def test_an_unseen_link_that_does_not_count_stops_nothing() -> None:
    changes = next_changes(deletion(), HAVE, {Link.SECRETS: FORBIDDEN}, {})

    assert {change.link for change in changes} == {
        Link.IDENTITY,
        Link.CREDENTIALS,
        Link.ROLES,
        Link.SERVICE_ACCOUNTS,
    }


@pytest.mark.parametrize(
    ("one", "have", "failures", "terminating", "blocks"),
    [
        (RECORDED, HAVE, {Link.ROLES: DENIED, Link.SECRETS: FORBIDDEN}, False, {Link.ROLES, Link.SECRETS}),
        # our rights and our objects are deleted with the namespace, but nothing in Azure is
        (RECORDED, HAVE, {Link.ROLES: DENIED, Link.SECRETS: FORBIDDEN}, True, {Link.ROLES}),
        (RECORDED, HAVE, {Link.SECRETS: FORBIDDEN}, True, set()),
        # nothing was ever created there: the record says so, and no identity exists in Azure
        (resource(), Observed(), {Link.SECRETS: FORBIDDEN}, False, set()),
        (resource(), Observed(), {Link.SECRETS: BUSY}, False, {Link.SECRETS}),
        (resource(), Observed(), {Link.ROLES: DENIED}, False, {Link.ROLES}),
        (resource(), Observed(identity=identity()), {Link.SECRETS: FORBIDDEN}, False, {Link.SECRETS}),
    ],
)
def test_the_failures_that_block_a_deletion(
    one: Resource, have: Observed, failures: dict[Link, Failure], terminating: bool, blocks: set[Link]
) -> None:
    assert blocking(one, have, failures, terminating=terminating).keys() == blocks


ABSENT = Observation(HAVE, absent=frozenset({WANT.storage.scope.key}))


@pytest.mark.parametrize(
    ("change", "observation", "failure", "absent"),
    [
        (DeleteAssignment(HAVE.assignments[0]), ABSENT, DENIED, True),
        (DeleteAssignment(HAVE.assignments[0]), Observation(HAVE), DENIED, False),
        (DeleteAssignment(HAVE.assignments[0]), ABSENT, BUSY, False),
        (DeleteIdentity(identity()), ABSENT, DENIED, False),
    ],
)
def test_a_right_that_is_missing_where_the_account_is_missing_too_blocks_nothing(
    change: Any, observation: Observation, failure: Failure, absent: bool
) -> None:
    assert scope_is_absent(change, observation, failure) is absent


def test_what_counts_as_deleted_with_an_account_that_nobody_could_ask_about_is_told() -> None:
    (assignment,) = HAVE.assignments

    assert list(taken_for_deleted(HAVE.assignments, [WANT.storage.scope.key])) == [
        (
            f"Role assignment {assignment.name} on storage account gitlabstore counts as deleted with the account: for an hour "
            "the operator had no right there, and no host of that account was known."
        )
    ]
    assert list(taken_for_deleted(HAVE.assignments, [])) == []


def test_the_message_says_how_to_let_go_when_a_person_must_act() -> None:
    failure = with_way_out(resource(), DENIED)

    assert failure.message == (
        "The operator may not do that. Until then the deletion waits. To let the resource go and leave everything where it is: "
        "kubectl -n gitlab annotate gai gitlab gitlabazure.io/abandon=true"
    )
    assert with_way_out(resource(), BUSY) is BUSY


def test_failures_by_their_link() -> None:
    change = DeleteAssignment(HAVE.assignments[0])

    assert by_link([(change, DENIED), (replace(change), BUSY)]) == {Link.ROLES: [DENIED, BUSY]}
