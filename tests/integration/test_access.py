"""What is proven before Ready: every right that GitLab needs, on an account that it can use. Nothing is written."""

from typing import Any

import pytest

from .behind import create_store
from .operating import STORAGE, Operator
from .owner import assign, foreign_identity, stalled, unassign
from .resources import GitLab
from .test_containers import storage
from .test_deletion import MakeGitLab

DATA_HOST = "gitlabstore.blob.core.windows.net"


@pytest.fixture
def store(gitlab: GitLab) -> str:
    """An account of this test alone, with GitLab's containers."""
    name = f"storeaccess{gitlab.namespace.replace('-', '')}"
    create_store(gitlab.lab, name)
    return name


def test_everything_that_gitlab_does_is_attempted_and_nothing_is_written(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage=storage()).ready()

    calls = [call for call in gitlab.lab.controls.calls() if call.host == DATA_HOST and call.caller != "owner"]
    containers = {
        f"/{name}" for name in ("registry", "gitlab-artifacts", "git-lfs", "gitlab-uploads", "gitlab-packages")
    }
    for method, query, status in (
        ("GET", "", 404),
        ("PUT", "", 412),
        ("PUT", "comp=metadata", 412),
        ("DELETE", "", 412),
    ):
        probes = {
            call.path.rpartition("/")[0]
            for call in calls
            if (call.method, call.query, call.status) == (method, query, status)
        }
        assert probes >= containers
    assert {call.status for call in calls if call.method in ("PUT", "DELETE")} <= {403, 412}
    assert [call.status for call in calls if call.method == "POST"][-1] == 200  # the user delegation key


def test_ready_waits_for_the_right_to_sign_addresses(gitlab: GitLab) -> None:
    """The roles at the containers are in effect, and the one at the account is not: pushes work, and no pull does."""
    gitlab.lab.controls.add_fault(
        f"POST {DATA_HOST}*", status=403, code="AuthorizationPermissionMismatch", message="No.", times=1000
    )

    gitlab.apply(storage=storage())

    gitlab.condition("AccessVerified", "Unknown", "Propagating")
    assert gitlab.message("Ready") == (
        "The identity may not sign addresses with a user delegation key of storage account gitlabstore yet. New role "
        "assignments take up to 10 minutes, and at times 30. Azure: No."
    )
    gitlab.lab.controls.clear_faults()
    gitlab.ready()


BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READ_ONLY = (
    f"(!(ActionMatches{{'{BLOBS}/write'}}) AND !(ActionMatches{{'{BLOBS}/add/action'}}) AND "
    f"!(ActionMatches{{'{BLOBS}/delete'}}))"
)


def test_a_deny_assignment_is_seen_and_told_by_what_it_refuses(gitlab: GitLab, operator: Operator, store: str) -> None:
    operator.restart(propagationLimit=0)
    gitlab.lab.controls.deny(
        f"{STORAGE}/{store}", data_actions=[f"{BLOBS}/write", f"{BLOBS}/add/action", f"{BLOBS}/delete"]
    )

    gitlab.apply(storage={"accountName": store})

    assert stalled(gitlab, "AccessDenied") == (
        f"The identity may list and read, may not write or delete in container registry of storage account {store}, though the "
        "roles are assigned. Look for deny assignments and for conditions on the role assignments: "
        "docs/troubleshooting.md#accessdenied. Azure: This request is not authorized to perform this operation using "
        "this permission."
    )
    assert {each["state"] for each in gitlab.live()["status"]["containers"]} == {"AccessDenied"}
    gitlab.lab.controls.restore()
    gitlab.reconcile_now()
    gitlab.ready()


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ("write", "may list, read, write and delete, may not overwrite"),  # new blobs need blobs/add/action alone
        ("read", "may write and delete, may not list or read"),
        ("delete", "may list, read and write, may not delete"),
        ("*", "may not list, read, write or delete"),
    ],
)
def test_each_action_on_blobs_that_is_denied_is_told(
    gitlab: GitLab, operator: Operator, store: str, denied: str, words: str
) -> None:
    operator.restart(propagationLimit=0)
    gitlab.lab.controls.deny(f"{STORAGE}/{store}", data_actions=[f"{BLOBS}/{denied}"])

    gitlab.apply(storage={"accountName": store})

    assert stalled(gitlab, "AccessDenied").startswith(f"The identity {words} in container registry")
    gitlab.lab.controls.restore()


def test_an_assignment_that_stands_with_a_condition_is_told_and_the_attempt_decides(
    new_gitlab: MakeGitLab, operator: Operator, store: str
) -> None:
    """Azure takes no second assignment of the role beside it."""
    operator.restart(propagationLimit=0)
    gitlab = new_gitlab()
    with foreign_identity(gitlab.lab, "shared") as identity:
        principal = identity["properties"]["principalId"]
        conditioned = assign(
            gitlab.lab,
            "Storage Blob Data Contributor",
            f"{STORAGE}/{store}",
            principal,
            condition=READ_ONLY,
            conditionVersion="2.0",
        )

        gitlab.apply(storage={"accountName": store}, identity={"name": "shared"})

        assert stalled(gitlab, "AccessDenied").startswith(
            f"The identity may list and read, may not write or delete in container registry of storage account {store}, though"
        )
        name = conditioned.rpartition("/")[2]
        assert gitlab.message("RolesAssigned").endswith(
            f"Role assignment {name} at storage account {store} has a condition, which somebody else wrote. AccessVerified says "
            "what it still lets GitLab do."
        )
        unassign(gitlab.lab, conditioned)
        gitlab.reconcile_now()
        gitlab.ready()
        gitlab.delete()


def test_an_account_in_a_dns_zone_is_used_at_its_own_endpoint(gitlab: GitLab, store: str) -> None:
    gitlab.lab.controls.change_account(store, dns_zone="z12")
    host = f"{store}.z12.blob.storage.azure.net"

    found = gitlab.apply(storage={"accountName": store}).ready()

    assert found["status"]["storage"]["blobEndpoint"] == f"https://{host}/"
    assert f"serviceurl: 'https://{host}'" in gitlab.secret("gitlab-registry-storage")["config"]
    for secret, key in (("gitlab-object-storage", "connection"), ("gitlab-azure-backup-conf", "config")):
        assert "azure_storage_domain: 'z12.blob.storage.azure.net'" in gitlab.secret(secret)[key]


@pytest.mark.parametrize(
    ("properties", "reason", "message"),
    [
        (
            {"kind": "FileStorage"},
            "AccountUnusable",
            "Storage account {store} has no Blob Storage, since its kind is FileStorage.",
        ),
        (
            {"isHnsEnabled": True},
            "AccountUnusable",
            "Storage account {store} has a hierarchical namespace. The container registry cannot delete its upload folders",
        ),
        (
            {"publicNetworkAccess": "Disabled"},
            "NetworkBlocked",
            "Storage account {store} has its public network access disabled, and no private endpoint.",
        ),
        (
            {"networkAcls": {"defaultAction": "Deny"}},
            "NetworkBlocked",
            (
                "Storage account {store} refused to let the operator list container registry of storage account {store}: This "
                "request is not authorized to perform this operation. Its firewall admits only the networks that its rules name."
            ),
        ),
    ],
    ids=["no Blob Storage", "hierarchical namespace", "no public access", "firewall"],
)
def test_an_account_that_gitlab_cannot_use(
    gitlab: GitLab, store: str, properties: dict[str, Any], reason: str, message: str
) -> None:
    gitlab.lab.controls.change_account(store, **properties)

    gitlab.apply(storage={"accountName": store})

    assert stalled(gitlab, reason).startswith(message.format(store=store))


def test_an_account_that_is_mended_is_ready_at_the_next_look(gitlab: GitLab, store: str) -> None:
    gitlab.lab.controls.change_account(store, networkAcls={"defaultAction": "Deny"})
    gitlab.apply(storage={"accountName": store})
    stalled(gitlab, "NetworkBlocked")

    gitlab.lab.controls.change_account(store, networkAcls={"defaultAction": "Allow"})

    gitlab.ready()


@pytest.mark.parametrize(("allowed", "access"), [(None, "Enabled"), (False, "Disabled")])
def test_the_status_tells_whether_access_keys_still_work(
    gitlab: GitLab, store: str, allowed: bool | None, access: str
) -> None:
    gitlab.lab.controls.change_account(store, allowSharedKeyAccess=allowed)

    found = gitlab.apply(storage={"accountName": store}).ready()

    assert found["status"]["storage"] == {
        "blobEndpoint": f"https://{store}.blob.core.windows.net/",
        "sharedKeyAccess": access,
    }


def test_an_account_is_read_once_for_all_of_its_resources(new_gitlab: MakeGitLab, store: str) -> None:
    first, second = new_gitlab(), new_gitlab()
    first.lab.controls.clear_calls()

    first.apply(storage={"accountName": store}).ready()
    second.apply(storage={"accountName": store}).ready()
    first.reconcile_now()
    second.reconcile_now()

    reads = [call for call in first.lab.controls.calls() if call.path.partition("?")[0] == f"{STORAGE}/{store}"]
    assert [call.method for call in reads if call.caller == "operator"] == ["GET"]
