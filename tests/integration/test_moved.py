"""What moves under a resource: accounts that go, settings that change, a status that is lost."""

import json
from typing import Any

from lab.azure import fixed

from .behind import create_service_account, create_store, until
from .operating import GROUP, STORAGE, SUBSCRIPTION, Operator
from .owner import granted
from .resources import GitLab
from .watching import Object

LATER_GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-later"


def conditions(found: Object) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in found["status"]["conditions"]}


def lose_status(gitlab: GitLab) -> None:
    """As a restore from a backup does, which leaves the status out."""
    patch = json.dumps([{"op": "remove", "path": "/status"}])
    gitlab.lab.kubectl(
        "patch", "gai", "-n", gitlab.namespace, gitlab.name, "--subresource=status", "--type=json", "-p", patch
    )


def test_an_account_that_went_does_not_keep_gitlab_from_its_new_one(gitlab: GitLab) -> None:
    """The operator's role on the old account went with it: it may not even ask any more whether something is left."""
    create_store(gitlab.lab, "storegone")
    create_store(gitlab.lab, "storenew")
    gitlab.apply(storage={"accountName": "storegone"}).ready()
    assert gitlab.azure("DELETE", f"{STORAGE}/storegone")[0] == 200

    gitlab.apply(storage={"accountName": "storenew"})
    found, principal = gitlab.ready(), gitlab.principal

    assert len(gitlab.assignments("storenew")) == 1
    assert (
        "What was assigned before stays on record: The operator may not read role assignments on storage account"
        in (gitlab.message("RolesAssigned"))
    )
    recorded = {entry["scope"].rpartition("/")[2] for entry in found["status"]["roleAssignments"]}
    assert recorded == {"storegone", "storenew"}

    with granted(gitlab.lab, "Reader", f"{SUBSCRIPTION}/resourceGroups/{fixed.STORAGE_GROUP}"):
        gitlab.delete()  # the record is what has it look there: now Azure says that the account is gone
    assert gitlab.assignments("storenew", principal) == []


def test_a_mistyped_account_is_told_at_its_link_and_nothing_is_written(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    text = gitlab.secret("gitlab-object-storage")
    create_store(gitlab.lab, "storetypo")
    assert gitlab.azure("DELETE", f"{STORAGE}/storetypo")[0] == 200
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage={"accountName": "storetypo"})
    found = gitlab.condition("Ready", "False", generation=2)

    told = conditions(found)
    assert told["IdentityReady"] == ("True", "Created")
    assert told["CredentialsFederated"] == ("True", "Federated")
    assert told["RolesAssigned"][0] == "False"
    assert told["SecretsWritten"] == ("Unknown", "Pending")
    assert gitlab.writes() == []
    assert gitlab.secret("gitlab-object-storage") == text


def test_a_dropped_service_account_loses_its_trust_though_another_is_in_dispute(gitlab: GitLab) -> None:
    """Helm holds the annotation of one, for good: the other was dropped so that it can no longer reach the blobs."""
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


def test_credentials_of_the_issuer_that_the_cluster_had_before_go(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply(verification="Disabled").ready()
    issuers = [each["properties"]["issuer"] for each in gitlab.credentials()]

    operator.restart(issuer="https://elsewhere.example/issuer/")
    found = gitlab.until(lambda seen: seen["status"].get("issuer") == "https://elsewhere.example/issuer/")
    found = gitlab.condition("Ready", "True")

    assert [each["properties"]["issuer"] for each in gitlab.credentials()] == ["https://elsewhere.example/issuer/"]
    assert issuers == [fixed.ISSUER]
    assert "formerIssuers" not in found["status"]


def test_an_identity_that_could_not_be_made_follows_the_settings(gitlab: GitLab, operator: Operator) -> None:
    """It was only about to be made: nothing binds it to the resource group that Azure Policy closed."""
    defaults = {
        "subscriptionId": fixed.SUBSCRIPTION,
        "location": fixed.LOCATION,
        "storageResourceGroup": fixed.STORAGE_GROUP,
    }
    gitlab.lab.controls.add_fault(
        "PUT */userAssignedIdentities/*", status=403, code="RequestDisallowedByPolicy", times=1000
    )
    gitlab.apply()
    gitlab.condition("Ready", "False", "RequestDisallowedByPolicy")
    assert gitlab.azure("PUT", LATER_GROUP, {"location": fixed.LOCATION})[0] in (200, 201)
    gitlab.lab.controls.clear_faults()

    operator.restart(defaults={**defaults, "resourceGroup": "rg-later"})

    found = gitlab.condition("Ready", "False", "NotPermitted")  # the tests' policy names another group
    assert found["status"]["identity"]["resourceId"].startswith(GROUP)
    message = gitlab.message("Ready")
    assert "rg-later" in message
    assert "stays where it was made" not in message
    assert gitlab.azure("DELETE", LATER_GROUP)[0] in (200, 202)


def test_a_deletion_is_not_let_go_while_the_operator_cannot_log_in(gitlab: GitLab, operator: Operator) -> None:
    """The status was lost, so nothing says what was made; and nobody was asked."""
    gitlab.apply().ready()
    principal = gitlab.principal
    operator.stop()
    lose_status(gitlab)
    gitlab.lab.controls.add_fault("POST */oauth2/v2.0/token", status=401, code="AADSTS700213", times=1000)

    operator.start()
    gitlab.lab.kubectl("delete", "gai", "-n", gitlab.namespace, gitlab.name, "--wait=false")
    gitlab.condition("Ready", "False", "DeletionBlocked")
    assert gitlab.message("Ready").startswith("The operator could not log in to Azure")

    gitlab.lab.controls.clear_faults()
    gitlab.watch.until_gone(gitlab.namespace, gitlab.name, gitlab.uid)
    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
