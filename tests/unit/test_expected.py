"""What a pass leaves in the cluster, and what a later check sees as something to do."""

from __future__ import annotations

from typing import Any

import pytest

from gitlab_azure_identity.api import CLIENT_ID_ANNOTATION
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import IdentityStatus, Origin
from gitlab_azure_identity.domain.changes import ApplyObject, Change, PutAssignment
from gitlab_azure_identity.domain.expected import (
    FIGHT,
    UNREADABLE,
    Expected,
    as_recorded,
    cluster_changes,
    due_in,
    expected,
    out_of_order,
    waits_for_cluster,
    with_tokens,
)
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked, failed, good
from gitlab_azure_identity.domain.observed import ClusterObject, Observed
from gitlab_azure_identity.domain.plan import plan

from .worlds import goal, identity, standing, wanted, with_object

WANT, HAVE = wanted(), standing()
REGISTRY = ("Secret", "gitlab-registry-storage")
ACCOUNT = ("ServiceAccount", "gitlab")
GOOD = [good(link, Reason.READY, "…") for link in Link]
EMPTY = plan(goal(), Observed(identity()))
(SECRET,) = (change for change in EMPTY if isinstance(change, ApplyObject) and change.name == REGISTRY[1])
(ROLE,) = (change for change in EMPTY if isinstance(change, PutAssignment))


def left(
    have: Observed = HAVE,
    *,
    unseen: tuple[Link, ...] = (),
    findings: list[Finding] = GOOD,
    done: tuple[Change, ...] = (),
    refused: tuple[Change, ...] = (),
) -> Expected:
    return expected(goal(), have, unseen, findings, done, refused)


def finding(link: Link, outlook: Outlook, reason: Reason = Reason.NOT_FOUND) -> list[Finding]:
    return [failed(link, Failure(reason, "…", outlook)), *(one for one in GOOD if one.link is not link)]


def test_every_wanted_object_is_expected_in_its_version() -> None:
    assert left().versions == {key: (found.uid, "1") for key, found in HAVE.objects.items()}
    assert set(left().versions) == {(one.kind, one.name) for one in WANT.objects} | {ACCOUNT}


def test_an_object_that_does_not_exist_or_could_not_be_read_has_no_version() -> None:
    """A service account of somebody else may be missing. When it appears, or can be read, something has changed."""
    without = HAVE.without_object(*ACCOUNT).without_object(*REGISTRY)

    assert left(without, unseen=(Link.SECRETS,)).versions[ACCOUNT] is None
    assert left(without, unseen=(Link.SECRETS,)).versions[REGISTRY] == UNREADABLE


def test_an_object_that_is_still_to_be_removed_is_expected_too() -> None:
    former = ClusterObject("Secret", "former", "uid-former", "7", {}, {})

    assert left(HAVE.with_object(former)).versions["Secret", "former"] == ("uid-former", "7")


@pytest.mark.parametrize(
    ("findings", "troubled"),
    [
        (GOOD, False),
        (finding(Link.SERVICE_ACCOUNTS, Outlook.STALLED), True),
        (finding(Link.SECRETS, Outlook.TRANSIENT), True),
        ([blocked(Link.SECRETS, Link.IDENTITY)], False),  # Azure is the trouble
        (finding(Link.ROLES, Outlook.STALLED), False),
        (finding(Link.ACCESS, Outlook.STALLED), False),
    ],
)
def test_a_link_in_the_cluster_that_does_not_hold_is_trouble(findings: list[Finding], troubled: bool) -> None:
    assert left(findings=findings).troubled is troubled


@pytest.mark.parametrize(
    ("done", "refused", "pending", "reverted"),
    [
        ((), (), False, ()),
        ((), (SECRET,), True, ()),
        ((), (ROLE,), False, ()),  # in Azure
        ((SECRET,), (SECRET,), False, (SECRET,)),  # written, and taken back by somebody: once more does not help
    ],
)
def test_a_change_that_was_refused_is_tried_in_dry_runs(
    done: tuple[Change, ...], refused: tuple[Change, ...], pending: bool, reverted: tuple[Change, ...]
) -> None:
    told = left(done=done, refused=refused)

    assert (told.pending, told.reverted) == (pending, reverted)


@pytest.mark.parametrize(
    ("findings", "no_token"),
    [
        (GOOD, False),
        (finding(Link.ACCESS, Outlook.STALLED, Reason.FORBIDDEN), True),
        (finding(Link.ACCESS, Outlook.STALLED, Reason.ACCESS_DENIED), False),
        (finding(Link.SECRETS, Outlook.STALLED, Reason.FORBIDDEN), False),
    ],
)
def test_a_missing_right_to_create_tokens_is_noted(findings: list[Finding], no_token: bool) -> None:
    told = with_tokens(left(), findings)

    assert told is not None
    assert told.no_token is no_token
    assert with_tokens(None, findings) is None


@pytest.mark.parametrize(
    ("reason", "waits"), [(Reason.FORBIDDEN, True), (Reason.ISSUER_UNKNOWN, True), (Reason.NOT_PERMITTED, False)]
)
def test_a_pass_that_the_cluster_stopped_waits_for_the_cluster(reason: Reason, waits: bool) -> None:
    assert waits_for_cluster(finding(Link.IDENTITY, Outlook.STALLED, reason)) is waits


def test_whoever_writes_the_same_objects_again_and_again_is_answered_ever_later() -> None:
    """Ten times at once, though: a person who tries it out is no fight."""
    assert [due_in(30.0, count) for count in (0, 1, FIGHT)] == [30.0] * 3
    assert [due_in(30.0, FIGHT + count) for count in (1, 2, 7, 1000)] == [60.0, 120.0, 3840.0, 3840.0]


KNOWN = IdentityStatus(
    name="i",
    resource_id=identity().resource_id,
    client_id=identity().client_id,
    principal_id=identity().principal_id,
    tenant_id=identity().tenant_id,
    origin=Origin.CREATED,
)


@pytest.mark.parametrize(
    ("changed", "to_do"),
    [
        ({}, False),
        ({"labels": {**WANT.owner.labels, "team": "platform"}, "resource_version": "2"}, False),
        ({"annotations": {CLIENT_ID_ANNOTATION: "another"}}, True),
        ({"annotations": {}}, True),
        ({"automount": True}, True),
        ({"labels": {}, "managers": frozenset()}, True),  # it is no longer ours: a person must act, and is told
    ],
)
def test_only_what_a_pass_would_change_or_report_is_something_to_do(changed: dict[str, Any], to_do: bool) -> None:
    """The status says what is in Azure: nothing there is asked."""
    objects = with_object(HAVE, *ACCOUNT, **changed).objects

    assert out_of_order(goal(), as_recorded(goal(), KNOWN, objects)) is to_do


def test_an_object_that_was_deleted_is_something_to_do() -> None:
    have = as_recorded(goal(), KNOWN, HAVE.without_object(*REGISTRY).objects)

    assert out_of_order(goal(), have)
    assert list(map(str, cluster_changes(goal(), have))) == [f"secret {REGISTRY[1]}"]


def test_somebody_elses_account_that_was_deleted_is_reported_though_nothing_can_be_written() -> None:
    theirs = goal(wanted({"serviceAccounts": [{"name": "gitlab", "management": "Annotate"}]}))
    have = as_recorded(theirs, KNOWN, standing(theirs.desired).without_object(*ACCOUNT).objects)

    assert out_of_order(theirs, have)
    assert cluster_changes(theirs, have) == []


def test_an_adopted_identity_counts_while_policy_permits_it() -> None:
    adopted = KNOWN.model_copy(update={"origin": Origin.ADOPTED})
    objects = HAVE.without_object(*REGISTRY).objects

    assert out_of_order(goal(may_adopt=True), as_recorded(goal(), adopted, objects))
    assert not out_of_order(goal(), as_recorded(goal(), adopted, objects))


@pytest.mark.parametrize("known", [None, IdentityStatus(name="i", resource_id=identity().resource_id)])
def test_without_an_identity_on_record_nothing_is_to_be_done(known: IdentityStatus | None) -> None:
    """A pass that finds one is made first."""
    assert not out_of_order(goal(), as_recorded(goal(), known, {}))


def test_what_an_observed_link_may_lack_hides_nothing_in_the_cluster() -> None:
    """A check asks Azure nothing. So it does not know whether the platform team has added the credential and the role by now."""
    observe = {"management": "Observe"}
    to = goal(wanted({"identity": observe, "roleAssignments": observe}))

    assert not out_of_order(to, as_recorded(to, KNOWN, HAVE.objects))
    assert out_of_order(to, as_recorded(to, KNOWN, HAVE.without_object(*REGISTRY).objects))
