"""The same kinds of errors, made by a world in which they are true: locks, deny assignments, policies, subscriptions, regions and
reads that lag. Azure itself answers, and not a fault."""

from collections.abc import Callable, Iterator

import pytest

from lab.azure import seeded
from lab.controls import Controls

from .behind import create_store, patch
from .operating import GROUP, STORAGE, SUBSCRIPTION
from .owner import condition, stalled, standing
from .resources import GitLab

ACCOUNT = f"{STORAGE}/gitlabstore"
GROUP_NAME = GROUP.rpartition("/")[2]
SUBSCRIPTION_ID = SUBSCRIPTION.rpartition("/")[2]
OTHER_TENANT = seeded.named_guid("another tenant")


@pytest.fixture(autouse=True)
def restored(gitlab: GitLab) -> Iterator[None]:
    """The world is as before at the end."""
    yield
    gitlab.lab.controls.restore()


def warnings(gitlab: GitLab) -> list[str]:
    return [event["reason"] for event in gitlab.events() if event["type"] == "Warning"]


# What passes by itself


@pytest.mark.parametrize(
    "lag",
    [
        "parent_replication",
        "graph_replication",
        "principal_replication",
        "identity_read_lag",
        "credential_read_lag",
        "assignment_read_lag",
    ],
)
def test_azure_forgets_for_seconds_what_it_confirmed(gitlab: GitLab, lag: str) -> None:
    gitlab.lab.controls.set(**{lag: 4.0})
    try:
        gitlab.apply().ready()
    finally:
        gitlab.lab.controls.set(**{lag: 0.0})

    assert warnings(gitlab) == []
    assert (len(gitlab.identities()), len(gitlab.credentials()), len(gitlab.assignments())) == (1, 1, 1)


def test_entra_cannot_fetch_the_issuers_documents(gitlab: GitLab) -> None:
    issuer = seeded.ISSUER
    gitlab.lab.controls.break_issuer(issuer)

    gitlab.apply().condition("AccessVerified", "Unknown", "IssuerUnreachable")

    gitlab.lab.controls.mend_issuer(issuer)
    gitlab.ready()


def test_a_group_that_is_being_deleted(gitlab: GitLab) -> None:
    gitlab.lab.controls.begin_deletion(GROUP_NAME)

    gitlab.apply().condition("Ready", "Unknown", "BeingDeleted")

    gitlab.lab.controls.restore()
    gitlab.ready()


# What is definite


def lock_account(controls: Controls) -> None:
    controls.put_lock(ACCOUNT, "ReadOnly")


def deny(controls: Controls) -> None:
    controls.deny(ACCOUNT, actions=["Microsoft.Authorization/roleAssignments/write"])


def policy(controls: Controls) -> None:
    controls.put_policy(GROUP, "Microsoft.ManagedIdentity/userAssignedIdentities", "no-identities")


def disable(controls: Controls) -> None:
    controls.put_subscription(SUBSCRIPTION_ID, disabled=True)


def transfer(controls: Controls) -> None:
    controls.put_subscription(SUBSCRIPTION_ID, tenant=OTHER_TENANT)


def unregister(controls: Controls) -> None:
    controls.unregister("Microsoft.ManagedIdentity")


@pytest.mark.parametrize(
    ("happens", "reason", "parts"),
    [
        (lock_account, "ScopeLocked", ["are locked", "Remove the lock."]),
        (deny, "DenyAssignment", ["System deny assignment of the lab"]),
        (policy, "RequestDisallowedByPolicy", ["no-identities"]),
        (disable, "SubscriptionDisabled", ["disabled"]),
        (transfer, "WrongTenant", [OTHER_TENANT]),
        (unregister, "MissingSubscriptionRegistration", ["az provider register --namespace Microsoft.ManagedIdentity"]),
    ],
)
def test_what_is_definite(gitlab: GitLab, happens: Callable[[Controls], None], reason: str, parts: list[str]) -> None:
    happens(gitlab.lab.controls)

    gitlab.apply()

    message = stalled(gitlab, reason)
    assert [part for part in parts if part not in message] == [], message

    gitlab.lab.controls.restore()
    gitlab.reconcile_now()
    gitlab.ready()


def test_a_region_without_federated_credentials(gitlab: GitLab) -> None:
    gitlab.apply(azure={"location": "newzealandnorth"})

    message = stalled(gitlab, "RegionNotSupported")
    assert "region newzealandnorth" in message
    assert "Support for federated identity credentials not enabled" in message
    assert "nothing else was made for it" in message
    assert "delete this resource, and create it again with another spec.azure.location." in message
    assert gitlab.assignments() == []
    assert not any(gitlab.exists(*one) for one in (("secret", "gitlab-registry-storage"), ("serviceaccount", "gitlab")))
    assert standing(gitlab)["RolesAssigned"] == "Unknown Pending"

    gitlab.delete()
    gitlab.apply().ready()


# What cannot be removed


def test_a_lock_keeps_a_former_role(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storeheld")
    gitlab.apply().ready()
    lock = gitlab.lab.controls.put_lock(ACCOUNT)

    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"accountName": "storeheld"}}})
    gitlab.ready()
    gitlab.reconcile_now()  # access at the new account was proven
    found = gitlab.until(lambda one: one["status"].get("lingering"))
    assert condition(found, "Ready")["status"] == "True"
    assert len(gitlab.assignments()) == 1
    assert warnings(gitlab).count("Lingering") == 1

    gitlab.lab.controls.remove_lock(lock)
    gitlab.reconcile_now()
    gitlab.until(lambda one: not one["status"].get("lingering"))
    assert gitlab.assignments() == []


def test_a_lock_keeps_a_deletion(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    lock = gitlab.lab.controls.put_lock(ACCOUNT)

    gitlab.ask_to_delete()

    assert "Remove the lock." in stalled(gitlab, "DeletionBlocked")
    gitlab.lab.controls.remove_lock(lock)
    gitlab.until_gone()
    assert gitlab.identities() == []
