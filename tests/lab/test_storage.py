"""Storage accounts, containers and resource groups through Resource Manager."""

import asyncio
import uuid

import pytest

from lab.controls import Controls, RefusedError

from .objects import (
    ACCOUNT,
    CONTAINERS,
    DATA_CONTRIBUTOR,
    SUBSCRIPTION,
    assign,
    assignment_path,
    identity_path,
    make_identity,
    new_name,
)
from .plain import ARM, Plain, Reply


def new_account(group: str = "rg-storage") -> str:
    name = f"lab{uuid.uuid4().hex[:12]}"
    return f"{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"


async def poll(plain: Plain, accepted: Reply) -> Reply:
    """Poll the Location of a 202, as clients do, until the answer is not 202."""
    assert accepted.status == 202, accepted
    assert accepted.headers["Retry-After"] == "1"
    reply = accepted
    while reply.status == 202:
        location = reply.headers["Location"]
        assert location.startswith(f"{ARM}/subscriptions/")
        reply = await plain.arm("GET", location.removeprefix(ARM))
        await asyncio.sleep(0.01)
    return reply


async def make_account(plain: Plain, path: str) -> Reply:
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    return await poll(plain, await plain.arm("PUT", path, body))


async def test_a_storage_account_has_the_properties_that_azure_returns(plain: Plain) -> None:
    reply = await plain.arm("GET", ACCOUNT)

    assert reply.status == 200
    assert list(reply.body) == ["sku", "kind", "id", "name", "type", "location", "tags", "properties"]
    assert reply.body["id"] == ACCOUNT
    assert reply.body["properties"]["provisioningState"] == "Succeeded"
    assert reply.body["properties"]["primaryEndpoints"]["blob"] == "https://gitlabstore.blob.core.windows.net/"


async def test_a_missing_storage_account_is_reported_by_the_gateway(plain: Plain) -> None:
    reply = await plain.arm("GET", ACCOUNT.replace("gitlabstore", "nostore"))

    assert (reply.status, reply.code) == (404, "ResourceNotFound")
    assert reply.headers["x-ms-failure-cause"] == "gateway"
    assert reply.message == (
        "The Resource 'Microsoft.Storage/storageAccounts/nostore' under resource group 'rg-storage' was not found. For "
        "more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )


async def test_the_accounts_of_the_lab_are_listed(plain: Plain) -> None:
    for collection in (ACCOUNT.rpartition("/")[0], f"{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts"):
        names = {account["name"] for account in (await plain.arm("GET", collection)).body["value"]}
        assert {"gitlabstore", "otherstore"} <= names


async def test_a_new_account_is_created_asynchronously_and_stores_blobs_under_its_own_host(plain: Plain) -> None:
    path = new_account()
    name, origin = path.rpartition("/")[2], f"https://{path.rpartition('/')[2]}.blob.core.windows.net"

    made = await make_account(plain, path)
    await plain.arm("PUT", f"{path}/blobServices/default/containers/own", {})
    principal = await make_identity(plain)
    await assign(plain, principal.principal_id, DATA_CONTRIBUTOR, path)
    put = await plain.blob(
        "PUT",
        "/own/hello.txt",
        principal=principal.principal_id,
        data=b"hello",
        origin=origin,
        x_ms_blob_type="BlockBlob",
    )
    listed = await plain.blob(
        "GET", "/own?restype=container&comp=list", principal=principal.principal_id, origin=origin
    )

    assert (made.status, made.body["name"]) == (200, name)
    assert put.status == 201
    assert "<Name>hello.txt</Name>" in listed.text
    assert f'ServiceEndpoint="{origin}/"' in listed.text
    assert (await plain.arm("PUT", path, {"location": "westeurope", "sku": {"name": "Standard_LRS"}})).status == 200


async def test_properties_that_were_never_set_are_not_shown(plain: Plain) -> None:
    properties = (await plain.arm("GET", ACCOUNT)).body["properties"]

    assert not {"isHnsEnabled", "publicNetworkAccess", "allowSharedKeyAccess", "dnsEndpointType"} & properties.keys()
    assert properties["networkAcls"]["defaultAction"] == "Allow"


async def test_an_account_shows_what_it_was_created_with(plain: Plain) -> None:
    path = new_account()
    body = {
        "location": "westeurope",
        "kind": "BlockBlobStorage",
        "sku": {"name": "Premium_LRS"},
        "properties": {
            "isHnsEnabled": True,
            "publicNetworkAccess": "Enabled",
            "allowSharedKeyAccess": False,
            "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]},
        },
    }

    made = await poll(plain, await plain.arm("PUT", path, body))
    read = await plain.arm("GET", path)

    assert (made.status, made.body) == (200, read.body)
    assert (read.body["kind"], read.body["sku"]) == ("BlockBlobStorage", {"name": "Premium_LRS", "tier": "Premium"})
    properties = read.body["properties"]
    assert (properties["isHnsEnabled"], properties["allowSharedKeyAccess"]) == (True, False)
    assert properties["publicNetworkAccess"] == "Enabled"
    assert properties["networkAcls"] == {
        "ipv6Rules": [],
        "bypass": "AzureServices",
        "virtualNetworkRules": [],
        "ipRules": [{"value": "203.0.113.0/24", "action": "Allow"}],
        "defaultAction": "Deny",
    }
    assert list(properties["primaryEndpoints"]) == ["dfs", "web", "blob"]


async def test_a_patch_changes_what_it_names_and_the_namespace_never(plain: Plain) -> None:
    path = new_account()
    await make_account(plain, path)

    patched = await plain.arm("PATCH", path, {"properties": {"publicNetworkAccess": "Disabled"}})
    keyless = await plain.arm("PATCH", path, {"properties": {"allowSharedKeyAccess": False}})
    namespace = await plain.arm("PATCH", path, {"properties": {"isHnsEnabled": True}})
    nonsense = await plain.arm("PATCH", path, {"properties": {"publicNetworkAccess": "Sometimes"}})

    assert (patched.status, patched.body["properties"]["publicNetworkAccess"]) == (200, "Disabled")
    assert (
        keyless.body["properties"].items() >= {"publicNetworkAccess": "Disabled", "allowSharedKeyAccess": False}.items()
    )
    assert (namespace.status, namespace.code) == (409, "AccountPropertyCannotBeUpdated")
    assert (nonsense.status, nonsense.code) == (400, "InvalidRequestPropertyValue")


@pytest.mark.parametrize(
    ("kind", "services"),
    [
        ("StorageV2", {"blob", "dfs", "file", "queue", "table", "web"}),
        ("Storage", {"blob", "file", "queue", "table"}),
        ("BlobStorage", {"blob", "dfs", "table"}),
        ("BlockBlobStorage", {"blob", "dfs", "web"}),
        ("FileStorage", {"file"}),
    ],
)
async def test_an_account_has_endpoints_for_the_services_of_its_kind(
    plain: Plain, controls: Controls, kind: str, services: set[str]
) -> None:
    controls.change_account("gitlabstore", kind=kind)

    account = (await plain.arm("GET", ACCOUNT)).body

    assert account["kind"] == kind
    assert account["properties"]["primaryEndpoints"].keys() == services


async def test_an_account_in_a_dns_zone_has_its_blobs_there(plain: Plain, controls: Controls) -> None:
    controls.change_account("gitlabstore", dns_zone="z12")

    properties = (await plain.arm("GET", ACCOUNT)).body["properties"]
    origin = properties["primaryEndpoints"]["blob"].rstrip("/")
    listed = await plain.blob("GET", "/?comp=list", origin=origin)

    assert properties["dnsEndpointType"] == "AzureDnsZone"
    assert origin == "https://gitlabstore.z12.blob.storage.azure.net"
    assert listed.status == 200
    assert "<Name>registry</Name>" in listed.text


async def test_restore_puts_an_account_back(plain: Plain, controls: Controls) -> None:
    before = (await plain.arm("GET", ACCOUNT)).body
    controls.change_account("gitlabstore", isHnsEnabled=True, publicNetworkAccess="Disabled")
    controls.change_account("gitlabstore", allowSharedKeyAccess=False)

    changed = (await plain.arm("GET", ACCOUNT)).body["properties"]
    controls.restore()

    assert (changed["isHnsEnabled"], changed["publicNetworkAccess"], changed["allowSharedKeyAccess"]) == (
        True,
        "Disabled",
        False,
    )
    assert (await plain.arm("GET", ACCOUNT)).body == before


def test_an_account_that_cannot_be_is_refused(controls: Controls) -> None:
    with pytest.raises(RefusedError, match="There is no storage account 'nostore'"):
        controls.change_account("nostore", isHnsEnabled=True)
    with pytest.raises(RefusedError, match="kind is one of StorageV2, "):
        controls.change_account("gitlabstore", kind="TapeStorage")
    with pytest.raises(RefusedError, match="publicNetworkAccess is one of Enabled, "):
        controls.change_account("gitlabstore", publicNetworkAccess="Sometimes")


async def test_an_account_name_that_is_used_elsewhere_is_refused(plain: Plain) -> None:
    elsewhere = ACCOUNT.replace("rg-storage", "rg-platform")

    reply = await plain.arm("PUT", elsewhere, {"location": "westeurope", "sku": {"name": "Standard_LRS"}})

    assert (reply.status, reply.code) == (409, "StorageAccountAlreadyTaken")


async def test_deleting_an_account_deletes_its_containers_and_assignments(plain: Plain) -> None:
    path = new_account()
    await make_account(plain, path)
    await plain.arm("PUT", f"{path}/blobServices/default/containers/own", {})
    assignment = await assign(plain, (await make_identity(plain)).principal_id, DATA_CONTRIBUTOR, path)

    first, second = [await plain.arm("DELETE", path) for _ in range(2)]
    await make_account(plain, path)

    assert (first.status, second.status) == (200, 204)
    assert (await plain.arm("GET", f"{path}/blobServices/default/containers")).body == {"value": []}
    assert (await plain.arm("GET", assignment)).code == "RoleAssignmentNotFound"


async def test_containers_can_be_created_read_listed_and_deleted(plain: Plain) -> None:
    name = f"c-{uuid.uuid4().hex[:8]}"
    path = f"{CONTAINERS}/{name}"

    missing = await plain.arm("GET", path)
    made, again = [await plain.arm("PUT", path, {}) for _ in range(2)]
    read = await plain.arm("GET", path)
    listed = await plain.arm("GET", CONTAINERS)
    deleted, second = [await plain.arm("DELETE", path) for _ in range(2)]

    assert (missing.status, missing.code) == (404, "ContainerNotFound")
    assert made.status == 201
    assert made.body == {"id": path, "name": name, "type": "Microsoft.Storage/storageAccounts/blobServices/containers"}
    assert again.status == 200
    assert read.status == 200
    assert list(read.body) == ["id", "name", "type", "etag", "properties"]
    assert read.body["properties"]["publicAccess"] == "None"
    assert read.headers["ETag"] == read.body["etag"]
    assert name in {item["name"] for item in listed.body["value"]}
    assert (deleted.status, second.status) == (200, 204)


async def test_containers_of_a_missing_account_are_refused_by_the_gateway(plain: Plain) -> None:
    path = f"{CONTAINERS}/registry".replace("gitlabstore", "nostore")

    reply = await plain.arm("PUT", path, {})

    assert (reply.status, reply.code) == (404, "ParentResourceNotFound")


async def test_the_containers_of_gitlabs_chart_exist_at_the_start(plain: Plain) -> None:
    for account in (ACCOUNT, ACCOUNT.replace("gitlabstore", "otherstore")):
        listed = await plain.arm("GET", f"{account}/blobServices/default/containers")
        assert {item["name"] for item in listed.body["value"]} >= {
            "registry",
            "gitlab-artifacts",
            "git-lfs",
            "gitlab-uploads",
            "gitlab-packages",
            "gitlab-backups",
            "tmp",
            "gitlab-pages",
        }


async def test_deleting_a_resource_group_deletes_all_its_resources(plain: Plain) -> None:
    group = f"{SUBSCRIPTION}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    name = group.rpartition("/")[2]

    made, again = [await plain.arm("PUT", group, {"location": "westeurope", "tags": {"a": "b"}}) for _ in range(2)]
    head = await plain.arm("HEAD", group)
    identity = new_name()
    await plain.arm("PUT", identity_path(identity, group), {"location": "westeurope"})
    account = new_account(name)
    await make_account(plain, account)
    done = await poll(plain, await plain.arm("DELETE", group))

    assert (made.status, again.status, head.status) == (201, 200, 204)
    assert made.body == {
        "id": group,
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {"provisioningState": "Succeeded"},
    }
    assert (done.status, done.text) == (200, "")
    assert (await plain.arm("GET", group)).code == "ResourceGroupNotFound"
    assert (await plain.arm("HEAD", group)).status == 404
    assert (await plain.arm("DELETE", identity_path(identity, group))).code == "ResourceGroupNotFound"
    missing = await plain.arm("DELETE", assignment_path(account, str(uuid.uuid4())))
    assert (missing.status, missing.code) == (404, "ResourceNotFound")


async def test_groups_and_subscriptions_are_listed(plain: Plain) -> None:
    groups = await plain.arm("GET", f"{SUBSCRIPTION}/resourceGroups")
    subscriptions = await plain.arm("GET", "/subscriptions")
    unknown = await plain.arm("GET", "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups")

    assert {group["name"] for group in groups.body["value"]} >= {"rg-gitlab", "rg-storage", "rg-platform"}
    assert [item["id"] for item in subscriptions.body["value"]] == [SUBSCRIPTION]
    assert (await plain.arm("GET", SUBSCRIPTION)).body == subscriptions.body["value"][0]
    assert (unknown.status, unknown.code) == (404, "SubscriptionNotFound")


async def test_every_resource_provider_is_registered(plain: Plain) -> None:
    provider = f"{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity"

    assert (await plain.arm("GET", provider)).body["registrationState"] == "Registered"
    assert (await plain.arm("POST", f"{provider}/register")).status == 200
