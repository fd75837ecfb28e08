"""The places where a pass looks, and where a deletion looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.policy import PolicyRule
from gitlab_azure_identity.domain.where import WhereToLook, where_to_look

from .worlds import (
    BEFORE_TEXT,
    GROUP,
    PRINCIPAL,
    STORAGE,
    SUBSCRIPTION,
    body,
    deletion,
    desired_of,
    goal,
    identity,
    resource,
    wanted,
)

WANT = wanted()
IDENTITY = str(WANT.identity.id)
STORE = f"{STORAGE}/gitlabstore"
OLD = "aaaaaaaa-0000-4000-8000-00000000dead"
OTHER_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-other"
POLICY = [
    PolicyRule.model_validate({"namespaces": ["git*"], "identities": {"resourceGroups": [GROUP.upper(), OTHER_GROUP]}}),
    PolicyRule.model_validate({"namespaces": ["x"], "identities": {"resourceGroups": [f"{OTHER_GROUP}-2"]}}),
]


def looking(one: Resource, to: Goal | None = None) -> WhereToLook:
    return where_to_look(one, to or goal(desired_of(one)), POLICY)


def assigned(scope: str, principal: str = PRINCIPAL, name: str = "") -> dict[str, str]:
    return {"name": name, "role": "Storage Blob Data Contributor", "scope": scope, "principalId": principal}


@pytest.mark.parametrize(
    ("status", "to", "pinned"),
    [
        ({}, goal(), None),
        ({"identity": {"resourceId": IDENTITY, "principalId": PRINCIPAL}}, goal(), IDENTITY),
        # it was only about to be created: it may be elsewhere by now, but a deletion looks at that place too
        ({"identity": {"resourceId": IDENTITY}}, goal(), None),
        ({"identity": {"resourceId": IDENTITY}}, deletion(), IDENTITY),
        ({"identity": {"name": "x"}}, deletion(), None),
    ],
)
def test_the_place_where_the_status_pins_the_identity(status: dict[str, Any], to: Goal, pinned: str | None) -> None:
    found = looking(resource(status=status), to).pinned

    assert (found and str(found)) == pinned


@pytest.mark.parametrize(
    ("status", "to", "groups"),
    [
        ({}, goal(), [GROUP, OTHER_GROUP]),
        ({}, goal(may_adopt=True), [GROUP]),  # somebody else's identity is looked for by its name only
        (
            {"identity": {"resourceId": IDENTITY.replace("rg-gitlab", "rg-third")}},
            goal(),
            [GROUP, OTHER_GROUP, GROUP.replace("rg-gitlab", "rg-third")],
        ),
        ({"identity": {"resourceId": IDENTITY.lower()}}, goal(), [GROUP, OTHER_GROUP]),
    ],
)
def test_the_groups_where_our_identity_may_be(status: dict[str, Any], to: Goal, groups: list[str]) -> None:
    """Each once, whatever its case, and the wanted one first."""
    assert [str(group) for group in looking(resource(status=status), to).groups] == groups


def test_the_principals_whose_role_assignments_may_be_ours() -> None:
    status = {
        "identity": {"resourceId": IDENTITY, "principalId": OLD},
        "roleAssignments": [assigned(STORE, OLD), assigned(STORE, OLD.replace("dead", "beef"))],
    }
    where = looking(resource(status=status))

    assert where.principals(identity()) == [PRINCIPAL, OLD, OLD.replace("dead", "beef")]
    assert where.principals(None) == [OLD, OLD.replace("dead", "beef")]
    assert looking(resource()).principals(None) == []


PIN = {"identity": {"resourceId": IDENTITY, "principalId": PRINCIPAL}}


@pytest.mark.parametrize(
    ("status", "to", "accounts"),
    [
        ({}, goal(), ["gitlabstore"]),
        ({}, deletion(), ["gitlabstore"]),
        (PIN, goal(), ["gitlabstore"]),
        (PIN, deletion(), []),  # by the record we never assigned a role there
        ({**PIN, "roleAssignments": [assigned(f"{STORAGE}/oldstore")]}, goal(), ["gitlabstore", "oldstore"]),
        ({**PIN, "roleAssignments": [assigned(f"{STORAGE}/oldstore")]}, deletion(), ["oldstore"]),
        # an account and its containers are read once
        (
            {
                **PIN,
                "roleAssignments": [
                    assigned(f"{STORE}/blobServices/default/containers/registry"),
                    assigned(STORE.lower()),
                ],
            },
            deletion(),
            ["gitlabstore"],
        ),
    ],
)
def test_the_accounts_that_may_have_assignments_of_ours(status: dict[str, Any], to: Goal, accounts: list[str]) -> None:
    assert [scope.account for scope in looking(resource(status=status), to).accounts()] == accounts


def test_an_account_whose_name_cannot_be_read_is_not_read() -> None:
    unreadable = Resource.parse(body({"storage": {"accountName": "NO"}}))
    to = deletion(desired_of(replace(unreadable, spec=unreadable.legible)))

    assert looking(unreadable, to).accounts() == []


def test_recorded_objects_are_read_by_name_only_for_a_resource_that_is_kept() -> None:
    status = {
        **PIN,
        "federatedCredentials": [{"name": "gai-1", "subject": "s"}],
        "roleAssignments": [assigned(STORE), assigned(STORE, name="bbbbbbbb-0000-4000-8000-000000000001")],
    }
    one = resource(status=status)
    kept, removed = looking(one), looking(one, deletion())

    assert kept.recorded_credentials(identity()) == {"gai-1"}
    assert kept.recorded_credentials(identity(number=2)) == frozenset()  # created again: it has none of those
    assert [entry.name for entry in kept.recorded_assignments()] == ["bbbbbbbb-0000-4000-8000-000000000001"]
    assert removed.recorded_credentials(identity()) == frozenset()
    assert removed.recorded_assignments() == []
    assert looking(resource()).recorded_credentials(identity()) == frozenset()


def test_every_object_that_is_ours_or_will_be_is_read_once() -> None:
    status = {
        "serviceAccounts": [{"name": "gitlab", "management": "Manage"}, {"name": "old", "management": "Retiring"}],
        "secrets": {"registry": "gitlab-registry-storage"},
        "retiredSecrets": ["former"],
        "valuesConfigMap": "former-values",
    }

    assert looking(resource(status=status)).objects() == [
        ("Secret", "gitlab-azure-backup-conf"),
        ("Secret", "gitlab-object-storage"),
        ("Secret", "gitlab-registry-storage"),
        ("ConfigMap", "gitlab-gitlab-values"),
        ("ServiceAccount", "gitlab"),
        ("ServiceAccount", "old"),
        ("Secret", "former"),
        ("ConfigMap", "former-values"),
    ]


def test_a_new_resource_has_the_objects_that_it_wants() -> None:
    where = looking(resource())

    assert where.owner == WANT.owner
    assert len(where.objects()) == 5


@pytest.mark.parametrize(("access", "age"), [("True", 3600.0), ("False", 30.0), ("Unknown", 30.0), (None, 30.0)])
def test_while_access_is_not_proven_the_account_is_looked_at_again_soon(access: str | None, age: float) -> None:
    """A person may be correcting it."""
    condition = {
        "type": "AccessVerified",
        "status": access,
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE_TEXT,
        "reason": "Any",
        "message": "",
    }

    assert looking(resource(status={"conditions": [condition]} if access else None)).account_age == age


OBSERVED = wanted({"identity": {"management": "Observe"}, "roleAssignments": {"management": "Observe"}})


def test_a_pass_looks_at_what_is_only_observed() -> None:
    found = looking(resource(), goal(OBSERVED, may_adopt=True))

    assert (found.leaves_identity, found.creating) == (False, False)
    assert [str(account) for account in found.accounts()] == [STORE]


def test_a_deletion_asks_azure_nothing_about_what_is_only_observed() -> None:
    one = resource(status={"roleAssignments": [assigned(STORE)]})

    found = looking(one, deletion(OBSERVED))

    assert found.leaves_identity
    assert found.accounts() == []
