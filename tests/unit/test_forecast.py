"""Everything that a pass would do, before anything of it is done."""

from __future__ import annotations

from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.forecast import forecast, foreseen, foreseen_with_identity
from gitlab_azure_identity.domain.observed import Observation, Observed

from .worlds import goal, standing, wanted

MISSING = Failure(Reason.ACCOUNT_NOT_FOUND, "There is no storage account gitlabstore.", Outlook.STALLED)
EVERYTHING = [
    "managed identity lab-gitlab-gitlab",
    "federated credential for system:serviceaccount:gitlab:gitlab",
    'role assignment "Storage Blob Data Contributor" at storage account gitlabstore',
    "service account gitlab",
    "secret gitlab-azure-backup-conf",
    "secret gitlab-object-storage",
    "secret gitlab-registry-storage",
    "config map gitlab-gitlab-values",
]


def told(observation: Observation) -> list[str]:
    return [str(change) for change in forecast(goal(), observation)]


def test_where_nothing_exists_all_of_it_is_told_though_only_the_identity_can_be_made_first() -> None:
    assert told(Observation(Observed())) == EVERYTHING


def test_where_everything_exists_nothing_is_told() -> None:
    assert told(Observation(standing())) == []


def test_tags_alone_need_no_second_plan() -> None:
    tagged = wanted({"azure": {"tags": {"team": "platform"}}})

    assert [str(change) for change in forecast(goal(tagged), Observation(standing()))] == [
        "tags team of managed identity lab-gitlab-gitlab"
    ]


def test_what_could_not_be_seen_is_left_out() -> None:
    unseen = {Link.SECRETS: MISSING, Link.ROLES: MISSING}

    assert told(Observation(Observed(), unseen)) == [
        one for one in EVERYTHING if not one.startswith(("secret", "config map", "role"))
    ]


def test_without_a_storage_account_nothing_would_be_written() -> None:
    assert told(replace(Observation(Observed()), no_account=MISSING)) == []


def reasons(observation: Observation) -> dict[str, str]:
    return {one.link: one.reason for one in foreseen(goal(), observation)}


def test_where_everything_exists_each_link_holds() -> None:
    assert reasons(Observation(standing())) == {
        "IdentityReady": "Created",
        "CredentialsFederated": "Federated",
        "RolesAssigned": "Assigned",
        "ServiceAccountsAnnotated": "Annotated",
        "SecretsWritten": "Written",
    }


def test_a_missing_account_is_why_nothing_is_made() -> None:
    found = reasons(replace(Observation(Observed()), no_account=MISSING))

    assert found["RolesAssigned"] == "AccountNotFound"
    assert {reason for link, reason in found.items() if link != "RolesAssigned"} == {"Pending"}


def test_a_missing_account_beside_an_identity_is_told_at_the_roles() -> None:
    found = reasons(replace(Observation(replace(standing(), assignments=())), no_account=MISSING))

    assert (found["IdentityReady"], found["RolesAssigned"]) == ("Created", "AccountNotFound")


def test_what_could_not_be_seen_says_why() -> None:
    assert reasons(Observation(standing(), {Link.ROLES: MISSING}))["RolesAssigned"] == "AccountNotFound"


def test_an_object_of_somebody_else_is_in_the_way_before_the_identity_is_there() -> None:
    theirs = replace(
        standing().objects["Secret", "gitlab-object-storage"], labels={}, annotations={}, managers=frozenset()
    )
    before = Observation(Observed(objects={("Secret", "gitlab-object-storage"): theirs}))

    assert {one.link: one.reason for one in foreseen_with_identity(goal(), before)} == {
        "IdentityReady": "Progressing",
        "CredentialsFederated": "Pending",
        "RolesAssigned": "Pending",
        "ServiceAccountsAnnotated": "Pending",
        "SecretsWritten": "NotOwned",
    }


def test_without_an_identity_to_create_nothing_else_is_foreseen() -> None:
    for observation in (Observation(standing()), replace(Observation(Observed()), no_account=MISSING)):
        assert foreseen_with_identity(goal(), observation) == foreseen(goal(), observation)


def test_what_would_only_be_removed_makes_no_link_bad() -> None:
    """Such as the role at a former storage account, until the next look after access was proven."""
    have = standing()
    (present,) = have.assignments
    former = replace(present, name="former", scope=replace(present.scope, account="former"))
    observation = Observation(replace(have, assignments=(present, former)))

    assert told(observation) == ["role assignment former at storage account former"]
    assert reasons(observation)["RolesAssigned"] == "Assigned"
