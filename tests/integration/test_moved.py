"""Changes around a resource: accounts that are deleted, settings that change, a status that is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.azure import seeded

from .behind import create_service_account, create_store, patch_status, until
from .operating import ADOPTABLE, GROUP, POLICY, STORAGE, SUBSCRIPTION, Operator
from .owner import foreign_identity, granted, stalled
from .resources import GitLab
from .watching import Object

LATER_GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-later"
DEFAULTS = {
    "subscriptionId": seeded.SUBSCRIPTION,
    "location": seeded.LOCATION,
    "storageResourceGroup": seeded.STORAGE_GROUP,
}


@pytest.fixture
def lent(gitlab: GitLab) -> Iterator[str]:
    """An identity of others that the policy lets the resource adopt."""
    with foreign_identity(gitlab.lab, ADOPTABLE[-1]):
        yield ADOPTABLE[-1]


def conditions(found: Object) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in found["status"]["conditions"]}


def test_a_deleted_account_does_not_keep_gitlab_from_its_new_one(gitlab: GitLab) -> None:
    """The operator's role on the former account was deleted with it, so the operator may not even ask whether something is
    left."""
    create_store(gitlab.lab, "storegone")
    create_store(gitlab.lab, "storenew")
    gitlab.apply(storage={"accountName": "storegone"}).ready()
    assert gitlab.azure("DELETE", f"{STORAGE}/storegone")[0] == 200

    gitlab.apply(storage={"accountName": "storenew"})
    found, principal = gitlab.ready(), gitlab.principal

    assert len(gitlab.assignments("storenew")) == 1
    assert "Former role assignments stay on record: The operator may not read role assignments on storage account" in (
        gitlab.message("RolesAssigned")
    )
    recorded = {entry["scope"].rpartition("/")[2] for entry in found["status"]["roleAssignments"]}
    assert recorded == {"storegone", "storenew"}

    with granted(gitlab.lab, "Reader", f"{SUBSCRIPTION}/resourceGroups/{seeded.STORAGE_GROUP}"):
        gitlab.delete()  # it looks there because of the record: now Azure says that the account does not exist
    assert gitlab.assignments("storenew", principal) == []


def test_a_mistyped_account_is_reported_at_its_link_and_nothing_is_written(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    text = gitlab.secret("gitlab-object-storage")
    create_store(gitlab.lab, "storetypo")
    assert gitlab.azure("DELETE", f"{STORAGE}/storetypo")[0] == 200
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage={"accountName": "storetypo"})
    found = gitlab.condition("Ready", "False", generation=2)

    reported = conditions(found)
    assert reported["IdentityReady"] == ("True", "Created")
    assert reported["CredentialsFederated"] == ("True", "Federated")
    assert reported["RolesAssigned"][0] == "False"
    assert reported["SecretsWritten"] == ("Unknown", "Pending")
    assert gitlab.writes() == []
    assert gitlab.secret("gitlab-object-storage") == text


def test_a_former_service_account_loses_its_credential_though_another_is_in_dispute(gitlab: GitLab) -> None:
    """Helm owns the annotation of one service account. The other was removed from the spec so that it can no longer reach the
    blobs."""
    create_service_account(gitlab, "helms", **{"azure.workload.identity/client-id": "another"})
    accounts: list[dict[str, Any]] = [{"name": "helms", "management": "Annotate"}, {"name": "runner"}]
    gitlab.apply(serviceAccounts=accounts)
    gitlab.condition("ServiceAccountsAnnotated", "False", "FieldConflict")
    until(lambda: len(gitlab.credentials()) == 2, "both are trusted")

    gitlab.apply(serviceAccounts=accounts[:1])
    gitlab.condition("ServiceAccountsAnnotated", "False", "FieldConflict", generation=2)

    assert [each["properties"]["subject"] for each in gitlab.credentials()] == [
        f"system:serviceaccount:{gitlab.namespace}:helms"
    ]


def issuers(gitlab: GitLab) -> set[str]:
    return {each["properties"]["issuer"] for each in gitlab.credentials()}


TYPO = seeded.ISSUER.removesuffix("/")


def test_a_mistyped_issuer_takes_nobodys_access_and_is_forgotten_once_it_is_corrected(
    gitlab: GitLab, operator: Operator
) -> None:
    gitlab.apply().ready()

    operator.restart(issuer=TYPO)
    found = gitlab.condition("AccessVerified", "False", "IssuerMismatch")

    assert issuers(gitlab) == {seeded.ISSUER, TYPO}
    assert found["status"]["formerIssuers"] == [seeded.ISSUER]
    gitlab.reconcile_now()
    assert issuers(gitlab) == {seeded.ISSUER, TYPO}

    operator.restart()
    gitlab.ready()
    assert issuers(gitlab) == {seeded.ISSUER, TYPO}
    gitlab.reconcile_now()
    assert issuers(gitlab) == {seeded.ISSUER}
    assert "formerIssuers" not in gitlab.live()["status"]


def test_a_deletion_removes_the_credentials_with_every_former_issuer(
    gitlab: GitLab, operator: Operator, lent: str
) -> None:
    """On an identity of others they would stay."""
    gitlab.apply(identity={"name": lent}, verification="Disabled").ready()
    operator.restart(issuer=TYPO)
    gitlab.until(lambda seen: seen["status"].get("issuer") == TYPO)
    gitlab.ready()

    gitlab.delete()

    assert gitlab.credentials(lent) == []


def test_an_identity_that_could_not_be_created_follows_the_settings(gitlab: GitLab, operator: Operator) -> None:
    """It was only about to be created: nothing binds it to the resource group that Azure Policy closed."""
    gitlab.lab.controls.add_fault(
        "PUT */userAssignedIdentities/*", status=403, code="RequestDisallowedByPolicy", times=1000
    )
    gitlab.apply()
    gitlab.condition("Ready", "False", "RequestDisallowedByPolicy")
    assert gitlab.azure("PUT", LATER_GROUP, {"location": seeded.LOCATION})[0] in (200, 201)
    gitlab.lab.controls.clear_faults()

    operator.restart(defaults={**DEFAULTS, "resourceGroup": "rg-later"})

    found = gitlab.condition("Ready", "False", "NotPermitted")  # the tests' policy names another group
    assert found["status"]["identity"]["resourceId"].startswith(GROUP)
    message = gitlab.message("Ready")
    assert "rg-later" in message
    assert "stays where it was created" not in message
    assert gitlab.azure("DELETE", LATER_GROUP)[0] in (200, 202)


def test_a_resource_is_not_let_go_while_the_operator_cannot_log_in(gitlab: GitLab, operator: Operator) -> None:
    """The status was lost, so nothing says what was created, and Azure cannot be asked."""
    gitlab.apply().ready()
    principal = gitlab.principal
    operator.stop()
    patch_status(gitlab, None)  # as after a restore from a backup
    gitlab.lab.controls.add_fault("POST */oauth2/v2.0/token", status=401, code="AADSTS700213", times=1000)

    operator.start()
    gitlab.ask_to_delete()
    gitlab.condition("Ready", "False", "DeletionBlocked")
    assert gitlab.message("Ready").startswith("The operator could not log in to Azure")

    gitlab.lab.controls.clear_faults()
    gitlab.until_gone()
    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []


def test_after_a_lost_status_and_a_narrowed_policy_nothing_is_left(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    operator.stop()
    patch_status(gitlab, None)

    operator.start(policy=[])
    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert not gitlab.exists("secret", "gitlab-object-storage")


def test_an_identity_whose_creation_was_not_answered_is_found_though_settings_and_policy_changed(
    gitlab: GitLab, operator: Operator
) -> None:
    """The answer to its PUT was lost, and the operator restarted with settings that create identities elsewhere. A second
    identity would orphan the first."""
    lost = f"PUT */userAssignedIdentities/lab_{gitlab.namespace}_gitlab"
    gitlab.lab.controls.add_fault(lost, hang=True, applied=True)
    gitlab.apply()
    until(gitlab.identities, "the identity is made")
    operator.kill()
    gitlab.lab.controls.clear_faults()
    assert gitlab.azure("PUT", LATER_GROUP, {"location": seeded.LOCATION})[0] in (200, 201)

    with granted(gitlab.lab, "Managed Identity Contributor", LATER_GROUP):
        operator.start(
            defaults={**DEFAULTS, "resourceGroup": "rg-later"},
            policy=[{**POLICY[0], "identities": {"resourceGroups": [LATER_GROUP]}}],
        )
        assert "in resource group rg-gitlab" in stalled(gitlab, "NotPermitted")
        gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.azure("DELETE", LATER_GROUP)[0] in (200, 202)
