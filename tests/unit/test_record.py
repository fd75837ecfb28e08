"""How far a deletion believes the record in a status, and what it reports about objects that stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CREATED_BY_ANNOTATION
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import FederatedCredentialStatus, RoleAssignmentStatus, Status
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import ResourceGroupId, StorageScope
from gitlab_azure_identity.domain.changes import Change
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import ClusterObject, Observation, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.record import credible, deleted_keys, left_behind, remembered
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR
from gitlab_azure_identity.domain.status import after_pass

from .worlds import (
    CLIENT,
    GROUP,
    MANAGER,
    NOW,
    PRINCIPAL,
    STORAGE,
    SUBSCRIPTION,
    deletion,
    goal,
    identity,
    resource,
    standing,
    wanted,
)

WANT = wanted()
HAVE = standing()
GROUPS = (ResourceGroupId.parse(GROUP),)
IN_AZURE = ["DeleteAssignment", "DeleteCredential", "DeleteIdentity"]


def recorded(**status: Any) -> Resource:
    """The resource after everything was created, with a part of its status written by somebody else."""
    one = resource()
    written = after_pass(one, goal(), HAVE, [], [], Observation(HAVE), NOW)
    return replace(one, status=written.model_copy(update=status))


def kinds(changes: tuple[Change, ...]) -> list[str]:
    return [type(change).__name__ for change in changes]


def planned(one: Resource, have: Observed, *, to: Goal | None = None, deleted: tuple[str, ...] = ()) -> list[str]:
    to = to or deletion()
    return kinds(plan(to, remembered(one, to, have, groups=GROUPS, deleted=deleted)))


@pytest.mark.parametrize(
    ("name", "credited"),
    [("lab-gitlab-gitlab", True), ("by-hand", True), ("lab-other-gitlab", False), ("x__5c518fb5dd53a2ba", False)],
)
def test_an_identity_that_is_reserved_for_another_cannot_be_on_record(name: str, credited: bool) -> None:
    one = recorded(**known(resource_id=str(WANT.identity.id).replace("lab-gitlab-gitlab", name)))

    assert (credible(one, WANT.owner).status.identity is not None) is credited


def test_an_object_on_record_that_is_not_seen_is_deleted() -> None:
    assert planned(recorded(), Observed()) == IN_AZURE


def test_an_object_whose_deletion_azure_confirmed_is_not_deleted_again() -> None:
    to, one = deletion(), recorded()
    done = plan(to, remembered(one, to, Observed(), groups=GROUPS, deleted=()))

    assert planned(one, Observed(), deleted=tuple(deleted_keys(done))) == []


def test_an_object_that_is_seen_is_not_doubled_by_the_record() -> None:
    assert remembered(recorded(), deletion(), HAVE, groups=GROUPS, deleted=()) == HAVE


def test_a_resource_without_a_pass_has_no_record() -> None:
    assert planned(resource(), Observed()) == []


def known(**changed: Any) -> dict[str, Any]:
    identity_status = recorded().status.identity
    assert identity_status is not None
    return {"identity": identity_status.model_copy(update=changed)}


ELSEWHERE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-other/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)


@pytest.mark.parametrize(
    "forged",
    [
        known(resource_id=str(WANT.identity.id).replace("lab-gitlab-gitlab", "lab-other-gitlab")),
        known(resource_id=f"{ELSEWHERE}/lab-gitlab-gitlab"),
        known(origin="Adopted"),
        known(origin=None),
    ],
    ids=["another name", "a group that policy does not admit", "adopted", "no origin"],
)
def test_an_identity_on_record_that_this_resource_would_not_have_created_is_not_deleted_unseen(
    forged: dict[str, Any],
) -> None:
    assert "DeleteIdentity" not in planned(recorded(**forged), Observed())


def test_an_identity_that_was_only_about_to_be_created_is_not_deleted_unseen() -> None:
    assert "DeleteIdentity" not in planned(recorded(**known(principal_id=None)), Observed())


def test_an_assignment_with_a_name_of_somebody_elses_is_not_deleted_unseen() -> None:
    by_hand = recorded().status.role_assignments[0].model_copy(update={"name": "bbbbbbbb-0000-4000-8000-000000000001"})

    assert "DeleteAssignment" not in planned(recorded(role_assignments=[by_hand]), Observed())


def test_an_assignment_of_another_scope_and_principal_is_found_by_its_own_name() -> None:
    former = (
        recorded()
        .status.role_assignments[0]
        .model_copy(
            update={
                "scope": f"{STORAGE}/oldstore",
                "principal_id": PRINCIPAL,
                "name": naming.role_assignment_name(
                    StorageScope.parse(f"{STORAGE}/oldstore"), PRINCIPAL, STORAGE_BLOB_DATA_CONTRIBUTOR
                ),
            }
        )
    )

    assert planned(recorded(role_assignments=[former]), HAVE).count("DeleteAssignment") == 2


def test_a_credential_of_an_adopted_identity_is_deleted_unseen() -> None:
    adopted = replace(HAVE, identity=identity(tags={}), credentials=(), assignments=(), objects={})

    assert planned(recorded(**known(origin="Adopted")), adopted) == ["DeleteAssignment", "DeleteCredential"]


def sentences(one: Resource, have: Observed, deleted: tuple[str, ...] = ()) -> list[str]:
    return list(left_behind(one, deletion(), have, deleted))


def test_nothing_is_reported_when_everything_is_deleted() -> None:
    assert sentences(recorded(), Observed(), (WANT.identity.id.key,)) == []
    assert sentences(resource(), Observed()) == []


def test_an_identity_whose_tags_were_removed_stays_and_is_named() -> None:
    assert sentences(recorded(), Observed(identity=identity(tags={"team": "x"}))) == [
        (
            "Managed identity lab-gitlab-gitlab stays: the status says that this resource created it, but its tags do not "
            "say so. Find out whose it is before you delete it."
        )
    ]


def test_an_identity_whose_tags_name_another_stays_and_is_named() -> None:
    tags = {"gitlabazure-cluster": "lab", "gitlabazure-namespace": "other", "gitlabazure-resource": "gitlab"}

    (sentence,) = sentences(recorded(), Observed(identity=identity(tags=tags)))

    assert "its tags are gitlabazure-cluster=lab, gitlabazure-namespace=other, gitlabazure-resource=gitlab." in sentence


def test_an_adopted_identity_stays_without_a_report() -> None:
    assert sentences(recorded(**known(origin="Adopted")), Observed(identity=identity(tags={}))) == []


def test_an_identity_that_was_not_found_is_named() -> None:
    (sentence,) = sentences(recorded(**known(resource_id=f"{ELSEWHERE}/lab-gitlab-gitlab")), Observed())

    assert sentence == (
        f"The status says that this resource created managed identity {ELSEWHERE}/lab-gitlab-gitlab. It was not found there, "
        "and nothing of that name was deleted."
    )


def test_an_identity_that_another_cluster_uses_too_stays_and_is_named() -> None:
    theirs = replace(WANT.credentials[0], name="theirs", issuer="https://other.example.com/")

    (sentence,) = sentences(recorded(), Observed(identity=identity(), credentials=(theirs,)))

    assert sentence.startswith(
        "Managed identity lab-gitlab-gitlab and its roles stay. Its federated credential theirs trusts "
    )


OBSERVED = wanted({"identity": {"management": "Observe"}, "roleAssignments": {"management": "Observe"}})


@pytest.mark.parametrize(
    ("one", "what"),
    [
        (recorded(), f"Managed identity {WANT.identity.id} stays with its federated credentials"),
        (recorded(**known(origin="Adopted")), f"Federated credential {WANT.credentials[0].name} stays"),
    ],
)
def test_what_the_resource_created_before_it_was_only_observed_stays_and_is_named(one: Resource, what: str) -> None:
    assert list(left_behind(one, deletion(OBSERVED), Observed(), ())) == [
        f"{what}, though this resource created it: identity.management is Observe.",
        (
            f"Role assignment {HAVE.assignments[0].name} at storage account gitlabstore stays, though this resource created it: "
            "roleAssignments.management is Observe."
        ),
    ]


def test_what_somebody_else_created_stays_without_a_report() -> None:
    by_hand = recorded(**known(origin="Observed"), federated_credentials=[], role_assignments=[])

    assert list(left_behind(by_hand, deletion(OBSERVED), Observed(), ())) == []


def left_secret(annotations: dict[str, str], *managers: str) -> Observed:
    found = ClusterObject("Secret", "gitlab-object-storage", "uid", "2", {}, annotations, managers=frozenset(managers))
    return Observed(objects={found.key: found})


@pytest.mark.parametrize(
    ("have", "count"),
    [
        (left_secret({}, MANAGER, "kubectl-edit"), 1),
        (left_secret({ADOPT_ANNOTATION: "gitlab"}, MANAGER, "kubectl-create"), 0),
        (left_secret({CREATED_BY_ANNOTATION: "gitlab"}, MANAGER), 0),
        (left_secret({}, "kubectl-create"), 0),
    ],
    ids=["no mark is left", "adopted", "still ours", "never ours"],
)
def test_a_secret_that_lost_every_mark_stays_and_is_named(have: Observed, count: int) -> None:
    assert len(sentences(recorded(identity=None), have)) == count


@pytest.mark.parametrize(
    ("status", "lost"),
    [
        ({"identity": {"resourceId": "no id", "principalId": PRINCIPAL}}, "identity"),
        ({"identity": {"resourceId": str(WANT.identity.id) + "/../x", "principalId": PRINCIPAL}}, "identity"),
        ({"identity": {"resourceId": str(WANT.identity.id), "principalId": "x' or 'a' eq 'a"}}, "identity"),
        ({"identity": {"resourceId": str(WANT.identity.id), "clientId": "x"}}, "identity"),
        ({"identity": {"resourceId": f"{STORAGE}/gitlabstore"}}, "identity"),
        ({"roleAssignments": [{"name": "", "role": "r", "scope": "/"}]}, "role_assignments"),
        ({"roleAssignments": [{"name": "../x", "role": "r", "scope": f"{STORAGE}/gitlabstore"}]}, "role_assignments"),
        (
            {
                "roleAssignments": [
                    {"name": "", "role": "r", "scope": f"{STORAGE}/gitlabstore", "principalId": "' or 1"}
                ]
            },
            "role_assignments",
        ),
        ({"federatedCredentials": [{"name": "../x", "subject": "s"}]}, "federated_credentials"),
        ({"serviceAccounts": [{"name": "../secrets/x", "management": "Manage"}]}, "service_accounts"),
        ({"retiredSecrets": ["a/b"]}, "retired_secrets"),
        ({"valuesConfigMap": "a b"}, "values_config_map"),
        ({"conditions": "none"}, "conditions"),
        (
            {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "2026-03-01T12:00:00",
                        "reason": "Ready",
                        "message": "a moment without a time zone",
                    }
                ]
            },
            "conditions",
        ),
        (
            {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "yesterday",
                        "reason": "Ready",
                        "message": "m",
                    }
                ]
            },
            "conditions",
        ),
    ],
)
def test_an_entry_of_a_status_without_its_form_counts_as_lost_and_the_rest_stays(
    status: dict[str, Any], lost: str
) -> None:
    read = resource(status={"issuer": "https://issuer.example.com/", "clientId": CLIENT, **status}).status

    assert not getattr(read, lost)
    assert read.issuer == "https://issuer.example.com/"


def test_a_status_that_does_not_fit_at_all_counts_as_lost() -> None:
    assert resource(status={"observedGeneration": "many", "issuer": "https://issuer.example.com/"}).status == Status()


def test_of_a_list_the_entries_that_fit_are_kept() -> None:
    names = [{"name": name, "management": "Manage"} for name in ("gitlab", "../x", "runner")]

    assert [e.name for e in resource(status={"serviceAccounts": names}).status.service_accounts] == ["gitlab", "runner"]


def test_an_object_on_record_that_is_not_ours_does_not_count_as_ours() -> None:
    theirs = FederatedCredentialStatus(name="by-hand", subject="system:serviceaccount:gitlab:gitlab")
    reader = RoleAssignmentStatus(name="", role="Reader", scope=f"{STORAGE}/gitlabstore", principal_id=PRINCIPAL)
    pending = RoleAssignmentStatus(name="", role="Storage Blob Delegator", scope=f"{STORAGE}/gitlabstore")

    one = recorded(federated_credentials=[theirs], role_assignments=[reader, pending])

    assert planned(one, Observed()) == ["DeleteIdentity"]


def test_objects_that_are_deleted_in_the_cluster_have_no_key_in_azure() -> None:
    keys = list(deleted_keys(plan(deletion(), HAVE)))

    assert len(keys) == len(IN_AZURE)
