"""Azure's reads lag behind its writes: an answer that an object does not exist is checked before anything is done about it."""

from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest

from .behind import OBJECTS, put_tags, reasons, until
from .owner import delete_identity, identity
from .resources import GitLab

READ = "GET */userAssignedIdentities/{}"
ALWAYS = 1000
LONG = 1000.0
"""Seconds, which no test waits for."""


def of(gitlab: GitLab) -> str:
    """A fault that only matches reads of the resource's identity, not of its credentials, nor the list of its group."""
    return READ.format(gitlab.identity_name)


def tagged(gitlab: GitLab) -> dict[str, str]:
    """Somebody gives the identity a tag of their own. Returns all its tags."""
    (made,) = gitlab.identities()
    tags = {**made["tags"], "cost-centre": "7"}
    put_tags(gitlab, tags)
    return tags


@pytest.mark.parametrize(
    "code", ["ResourceNotFound", "NotFound", "ResourceGroupNotFound", "SubscriptionNotFound", "SomethingNew"]
)
def test_one_false_404_of_the_identity_takes_nothing_away(gitlab: GitLab, code: str) -> None:
    gitlab.apply().ready()
    tags, assignments = tagged(gitlab), gitlab.assignments()
    gitlab.lab.controls.add_fault(of(gitlab), status=404, code=code)
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert gitlab.writes() == []
    assert gitlab.assignments() == assignments
    assert gitlab.identities()[0]["tags"] == tags
    gitlab.ready()


def test_reads_that_never_show_the_identity_take_nothing_away(gitlab: GitLab) -> None:
    """The list of the group shows it in every pass."""
    gitlab.apply().ready()
    tags, assignments = tagged(gitlab), gitlab.assignments()
    gitlab.lab.controls.add_fault(of(gitlab), status=404, code="ResourceNotFound", times=ALWAYS)
    gitlab.lab.controls.clear_calls()

    for _ in range(3):
        gitlab.reconcile_now()

    assert gitlab.writes() == []
    assert (gitlab.assignments(), gitlab.identities()[0]["tags"]) == (assignments, tags)


def test_an_identity_that_neither_read_nor_list_shows_keeps_its_role(gitlab: GitLab) -> None:
    """A 404 to the list is no answer, since the group exists. Nothing is written until Azure's answers agree."""
    gitlab.apply().ready()
    tags, assignments = tagged(gitlab), gitlab.assignments()
    gitlab.lab.controls.add_fault("GET */userAssignedIdentities*", status=404, code="ResourceNotFound", times=2)
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert gitlab.writes() == []
    gitlab.reconcile_now()
    gitlab.ready()
    assert (gitlab.assignments(), gitlab.identities()[0]["tags"]) == (assignments, tags)


@pytest.mark.parametrize(
    "match",
    ["GET */federatedIdentityCredentials", "GET */providers/Microsoft.Authorization/roleAssignments"],
    ids=["credentials", "assignments"],
)
def test_a_single_404_to_a_list_repairs_nothing(gitlab: GitLab, match: str) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.add_fault(match, status=404, code="ResourceNotFound")
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert gitlab.writes() == []
    assert "DriftRepaired" not in reasons(gitlab)
    gitlab.ready()


def test_an_identity_that_neither_way_finds_is_created_again(gitlab: GitLab) -> None:
    """Somebody really deleted the identity. Only now the assignments of its former principal are removed."""
    gitlab.apply().ready()
    principal = gitlab.principal
    delete_identity(gitlab.lab, gitlab.identity_name)

    gitlab.reconcile_now()

    gitlab.ready()
    assert gitlab.principal != principal
    assert len(gitlab.assignments()) == 1
    assert gitlab.assignments(principal=principal) == []


def test_a_lost_status_and_a_false_404_drop_no_tag(gitlab: GitLab) -> None:
    """As after a restore from a backup: nothing is on record, and a PUT would replace the tags of others."""
    gitlab.apply(suspend=True)
    gitlab.apply(suspend=False).ready()
    tags, name = tagged(gitlab), gitlab.identity_name
    gitlab.apply(deletionPolicy="Retain").ready()
    gitlab.delete()
    gitlab.lab.controls.add_fault(READ.format(name), status=404, code="ResourceNotFound")

    gitlab.apply().ready()

    assert gitlab.identities()[0]["tags"] == tags


# reads that do not show what was just created


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ("identity_read_lag", "PUT */userAssignedIdentities/*"),
        ("credential_read_lag", "PUT */federatedIdentityCredentials/*"),
        ("assignment_read_lag", "PUT */roleAssignments/*"),
        ("graph_replication", "PUT */federatedIdentityCredentials/*"),
        ("parent_replication", "PUT */federatedIdentityCredentials/*"),
    ],
)
def test_a_resource_whose_creations_azure_shows_later_becomes_ready_with_one_of_each(
    gitlab: GitLab, setting: str, match: str
) -> None:
    """The delay ends after Azure answered the request that it follows. Nothing is deleted, and nothing is made twice."""
    controls = gitlab.lab.controls
    controls.set(**{setting: LONG})
    controls.clear_calls()
    method, glob = match.split()
    gitlab.apply()
    until(
        lambda: any(call.method == method and fnmatchcase(call.path, glob) for call in gitlab.calls()),
        f"an answer to {match}",
    )

    controls.set(**{setting: 0.0})

    gitlab.ready(seconds=60)
    assert [call for call in gitlab.writes() if call.method == "DELETE"] == []
    assert (len(gitlab.identities()), len(gitlab.credentials()), len(gitlab.assignments())) == (1, 1, 1)


# a deletion that sees nothing


def nothing_is_left(gitlab: GitLab, name: str, principal: str) -> bool:
    in_azure = identity(gitlab.lab, name) or gitlab.assignments(principal=principal)
    return not in_azure and not any(gitlab.exists(kind, name) for kind, name in OBJECTS)


@pytest.mark.parametrize(
    "match",
    [
        lambda name: f"GET */userAssignedIdentities/{name}",
        lambda name: f"GET */userAssignedIdentities/{name}*",
        lambda _: "GET */userAssignedIdentities/*",
        lambda _: "GET */roleAssignments*",
        lambda _: "GET */federatedIdentityCredentials*",
    ],
    ids=["the identity", "all about it", "any identity", "assignments", "credentials"],
)
def test_a_deletion_that_azure_shows_nothing_leaves_nothing(gitlab: GitLab, match: Callable[[str], str]) -> None:
    gitlab.apply().ready()
    name, principal = gitlab.identity_name, gitlab.principal
    gitlab.lab.controls.add_fault(match(name), status=404, code="ResourceNotFound", times=ALWAYS)

    gitlab.ask_to_delete()
    gitlab.until_gone()

    gitlab.lab.controls.clear_faults()
    assert nothing_is_left(gitlab, name, principal)


def test_a_deletion_waits_while_azure_contradicts_itself(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    name, principal = gitlab.identity_name, gitlab.principal
    gitlab.lab.controls.add_fault("GET */userAssignedIdentities*", status=404, code="ResourceNotFound", times=ALWAYS)

    gitlab.ask_to_delete()
    gitlab.condition("Ready", "Unknown")

    assert gitlab.live()["metadata"]["finalizers"]
    gitlab.lab.controls.clear_faults()
    gitlab.until_gone()
    assert nothing_is_left(gitlab, name, principal)
