"""A status that somebody wrote by hand: it is not believed where that would do harm, and the objects that it hides are found."""

from collections.abc import Callable
from typing import Any

import pytest

from .behind import IDENTITIES, OBJECTS, patch_status
from .owner import identity
from .resources import GitLab

MakeGitLab = Callable[..., GitLab]


def forge(gitlab: GitLab, **entry: Any) -> None:
    """Merge-patch the identity in the status."""
    patch_status(gitlab, {"identity": entry})


def as_in_azure(gitlab: GitLab) -> list[Any]:
    return [gitlab.identities(), gitlab.credentials(), gitlab.assignments()]


NOT_A_GUID = "x' or principalId ne 'x"


@pytest.mark.parametrize(
    "entry",
    [{"resourceId": "no id"}, {"resourceId": "/subscriptions/x"}, {"principalId": NOT_A_GUID}, {"tenantId": "x"}],
    ids=["no ARM id", "another kind of id", "principal", "tenant"],
)
def test_an_entry_without_its_form_counts_as_lost_and_is_found_again(gitlab: GitLab, entry: dict[str, str]) -> None:
    gitlab.apply().ready()
    before, recorded = as_in_azure(gitlab), gitlab.live()["status"]["identity"]
    gitlab.lab.controls.clear_calls()
    forge(gitlab, **entry)

    gitlab.reconcile_now()

    gitlab.ready()
    assert gitlab.live()["status"]["identity"] == recorded
    assert gitlab.writes() == []
    assert as_in_azure(gitlab) == before


@pytest.mark.parametrize(
    "entry", [{"resourceId": "no id"}, {"principalId": NOT_A_GUID}], ids=["no ARM id", "principal"]
)
def test_a_deletion_finds_by_its_tags_what_the_status_does_not_name(gitlab: GitLab, entry: dict[str, str]) -> None:
    gitlab.apply().ready()
    name, principal = gitlab.identity_name, gitlab.principal
    gitlab.apply(suspend=True)
    gitlab.condition("Ready", "False", "Suspended")
    forge(gitlab, **entry)

    gitlab.delete()

    assert identity(gitlab.lab, name) is None
    assert gitlab.assignments(principal=principal) == []
    assert not any(gitlab.exists(kind, name) for kind, name in OBJECTS)


@pytest.fixture
def victim(new_gitlab: MakeGitLab) -> GitLab:
    """Another resource, in a namespace of its own, whose identity a forged status names."""
    one = new_gitlab()
    one.apply().ready()
    return one


def names_the_victim(gitlab: GitLab, victim: GitLab) -> None:
    theirs = victim.live()["status"]["identity"]
    forge(gitlab, **{key: theirs[key] for key in ("name", "resourceId", "clientId", "principalId")}, origin="Created")


def test_another_resources_identity_in_the_status_is_left_alone_and_our_own_is_found(
    gitlab: GitLab, victim: GitLab
) -> None:
    gitlab.apply().ready()
    before, theirs = as_in_azure(gitlab), as_in_azure(victim)
    names_the_victim(gitlab, victim)

    gitlab.reconcile_now()

    gitlab.ready()
    assert gitlab.identity_name == f"lab_{gitlab.namespace}_gitlab"
    assert as_in_azure(gitlab) == before
    assert as_in_azure(victim) == theirs


@pytest.mark.parametrize("unseen", [False, True], ids=["seen", "not seen"])
def test_a_deletion_leaves_the_identity_that_a_forged_status_names_and_removes_our_own(
    gitlab: GitLab, victim: GitLab, unseen: bool
) -> None:
    gitlab.apply().ready()
    name, principal, theirs = gitlab.identity_name, gitlab.principal, as_in_azure(victim)
    gitlab.apply(suspend=True)
    gitlab.condition("Ready", "False", "Suspended")
    names_the_victim(gitlab, victim)
    if unseen:
        gitlab.lab.controls.add_fault(
            f"GET */userAssignedIdentities/{victim.identity_name}", status=404, code="ResourceNotFound", times=10
        )

    gitlab.delete()

    gitlab.lab.controls.clear_faults()
    assert identity(gitlab.lab, name) is None
    assert gitlab.assignments(principal=principal) == []
    assert as_in_azure(victim) == theirs
    assert "LeftBehind" in [event["reason"] for event in gitlab.events()]


def test_a_forged_identity_that_does_not_exist_hides_nothing(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    name = gitlab.identity_name
    gitlab.apply(suspend=True)
    gitlab.condition("Ready", "False", "Suspended")
    forge(gitlab, resourceId=f"{IDENTITIES}/never-was", name="never-was", origin="Created")

    gitlab.delete()

    assert identity(gitlab.lab, name) is None


def test_names_in_a_status_lead_nowhere_else(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    patch_status(
        gitlab,
        {
            "serviceAccounts": [{"name": "../secrets/x", "management": "Manage"}],
            "retiredSecrets": ["a/../b"],
            "roleAssignments": [{"name": "", "role": "x", "scope": "/"}],
            "federatedCredentials": [{"name": "../x", "subject": "s"}],
        },
    )

    gitlab.reconcile_now()

    gitlab.ready()
    assert [entry["name"] for entry in gitlab.live()["status"]["serviceAccounts"]] == ["gitlab"]
