"""The real asynchronous Azure SDK for Python, through the proxy: its requests, and the errors that it raises."""

import datetime as dt
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import WorkloadIdentityCredential
from azure.mgmt.authorization.v2022_04_01.aio import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.msi.v2024_11_30.aio import ManagedServiceIdentityClient
from azure.mgmt.msi.v2024_11_30.models import FederatedIdentityCredential, Identity, IdentityUpdate
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from lab.azure import seeded
from lab.controls import Controls

from .cluster import Cluster
from .objects import (
    ACCOUNT,
    DATA_CONTRIBUTOR,
    DATA_READER,
    DELEGATOR,
    REGISTRY,
    assign,
    credential_path,
    federate,
    identity_path,
    make_identity,
    new_guid,
    new_name,
    role,
    subject,
)
from .plain import ARM, Plain
from .running import Running

GROUP = "rg-gitlab"


@dataclass(frozen=True)
class StaticCredential:
    """A credential with a principal's token from the lab's controls."""

    controls: Controls
    principal: str = "owner"

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(self.controls.token(scopes[0], self.principal), int(time.time()) + 3600)

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


@pytest.fixture
def environment(azure: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the lab's environment variables. aiohttp reads the proxy from them."""
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest_asyncio.fixture(loop_scope="session")
async def transport(azure: Running, environment: None) -> AsyncIterator[AioHttpTransport]:
    """One HTTP session for all clients, as in one process."""
    context = ssl.create_default_context(cafile=str(azure.ca))
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), trust_env=True, auto_decompress=False)
    async with session:
        yield AioHttpTransport(session=session, session_owner=False)


@pytest.fixture
def msi(transport: AioHttpTransport, controls: Controls) -> ManagedServiceIdentityClient:
    return ManagedServiceIdentityClient(
        StaticCredential(controls), seeded.SUBSCRIPTION, transport=transport, retry_total=0
    )


@pytest.fixture
def authorization(transport: AioHttpTransport, controls: Controls) -> AuthorizationManagementClient:
    return AuthorizationManagementClient(
        StaticCredential(controls), seeded.SUBSCRIPTION, transport=transport, retry_total=0
    )


def blobs(transport: AioHttpTransport, credential: Any, account: str = "gitlabstore") -> BlobServiceClient:
    return BlobServiceClient(
        f"https://{account}.blob.core.windows.net", credential=credential, transport=transport, retry_total=0
    )


def workload(
    transport: AioHttpTransport, folder: Path, client_id: str, token: str, authority: str = "login.microsoftonline.com"
) -> WorkloadIdentityCredential:
    """A pod's login: a token in a file and a client ID."""
    file = folder / "token"
    file.write_text(token)
    return WorkloadIdentityCredential(
        tenant_id=seeded.TENANT,
        client_id=client_id,
        token_file_path=str(file),
        authority=authority,
        transport=transport,
        retry_total=0,
    )


def federated_credential(subject: str) -> FederatedIdentityCredential:
    return FederatedIdentityCredential(
        issuer="https://issuer/", subject=subject, audiences=["api://AzureADTokenExchange"]
    )


def role_assignment(principal_id: str) -> RoleAssignmentCreateParameters:
    return RoleAssignmentCreateParameters(
        role_definition_id=role(DATA_CONTRIBUTOR), principal_id=principal_id, principal_type="ServicePrincipal"
    )


def code(error: pytest.ExceptionInfo[HttpResponseError]) -> str | None:
    """Azure's error code in the SDK's exception."""
    assert error.value.error is not None
    return error.value.error.code


async def test_an_identity_can_be_created_changed_listed_and_deleted(msi: ManagedServiceIdentityClient) -> None:
    name, identities = new_name(), msi.user_assigned_identities

    made = await identities.create_or_update(GROUP, name, Identity(location="westeurope", tags={"a": "b"}))
    read = await identities.get(GROUP, name)
    patched = await identities.update(GROUP, name, IdentityUpdate(tags={"c": "d"}))
    listed = [identity.name async for identity in identities.list_by_resource_group(GROUP)]
    everywhere = [identity.name async for identity in identities.list_by_subscription()]
    await identities.delete(GROUP, name)
    await identities.delete(GROUP, name)

    assert made.id == identity_path(name).replace("resourceGroups", "resourcegroups")
    assert (read.client_id, read.principal_id, read.tenant_id) == (made.client_id, made.principal_id, seeded.TENANT)
    assert patched.tags == {"c": "d"}
    assert name in listed
    assert {name, seeded.OPERATOR_IDENTITY} <= set(everywhere)
    with pytest.raises(ResourceNotFoundError) as missing:
        await identities.get(GROUP, name)
    assert code(missing) == "ResourceNotFound"


async def test_identities_are_listed_across_pages(msi: ManagedServiceIdentityClient, plain: Plain) -> None:
    group = f"rg-{new_name()}"
    await plain.arm("PUT", f"/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups/{group}", {"location": "westeurope"})
    names = [f"id-{n:03}" for n in range(130)]
    for name in names:
        await msi.user_assigned_identities.create_or_update(group, name, Identity(location="westeurope"))

    listed = [identity.name async for identity in msi.user_assigned_identities.list_by_resource_group(group)]

    assert listed == names


async def test_a_federated_credential_can_be_created_listed_and_deleted(
    msi: ManagedServiceIdentityClient, plain: Plain
) -> None:
    identity, credentials = (await make_identity(plain)).name, msi.federated_identity_credentials

    made = await credentials.create_or_update(GROUP, identity, "gitlab", federated_credential(subject()))
    read = await credentials.get(GROUP, identity, "gitlab")
    await credentials.create_or_update(GROUP, identity, "pages", federated_credential(subject("pages")))
    listed = [credential.name async for credential in credentials.list(GROUP, identity, top=1)]
    await credentials.delete(GROUP, identity, "gitlab")
    await credentials.delete(GROUP, identity, "gitlab")

    assert made.id == credential_path(identity, "gitlab").replace("resourceGroups", "resourcegroups")
    assert (read.issuer, read.subject, read.audiences) == ("https://issuer/", subject(), ["api://AzureADTokenExchange"])
    assert listed == ["gitlab", "pages"]
    with pytest.raises(ResourceNotFoundError) as missing:
        await credentials.get(GROUP, identity, "gitlab")
    assert code(missing) == "NotFound"


async def test_a_role_assignment_can_be_created_listed_and_deleted(
    authorization: AuthorizationManagementClient, plain: Plain
) -> None:
    principal, name = (await make_identity(plain)).principal_id, new_guid()
    assignments = authorization.role_assignments

    made = await assignments.create(ACCOUNT, name, role_assignment(principal))
    again = await assignments.create(ACCOUNT, name, role_assignment(principal))
    read = await assignments.get(ACCOUNT, name)
    mine = f"principalId eq '{principal}'"
    at_scope = [str(one.name) async for one in assignments.list_for_scope(ACCOUNT, filter=mine)]
    at_resource = [
        str(one.name)
        async for one in assignments.list_for_resource(
            "rg-storage", "Microsoft.Storage", "storageAccounts", "gitlabstore", filter=mine
        )
    ]
    in_group = [str(one.name) async for one in assignments.list_for_resource_group("rg-storage", filter=mine)]
    in_subscription = [str(one.name) async for one in assignments.list_for_subscription(filter=mine)]
    with pytest.raises(ResourceExistsError) as twice:
        await assignments.create(ACCOUNT, new_guid(), role_assignment(principal))
    deleted = await assignments.delete(ACCOUNT, name)
    second = await assignments.delete(ACCOUNT, name)

    assert {str(one.name) for one in (made, again, read, deleted) if one is not None} == {name}
    assert deleted is not None
    assert second is None
    assert str(read.scope) == ACCOUNT
    assert str(read.created_on).startswith("20")
    assert at_scope == at_resource == in_group == in_subscription == [name]
    assert code(twice) == "RoleAssignmentExists"


async def test_role_definitions_are_found_by_id_and_by_name(authorization: AuthorizationManagementClient) -> None:
    definitions = authorization.role_definitions

    by_id = await definitions.get(ACCOUNT, DATA_CONTRIBUTOR)
    by_name = [one.id async for one in definitions.list(ACCOUNT, filter="roleName eq 'Storage Blob Data Contributor'")]

    assert by_id.role_name == "Storage Blob Data Contributor"
    assert by_name == [by_id.id]


async def test_a_refusal_raises_an_error_with_azures_code(transport: AioHttpTransport, controls: Controls) -> None:
    operator = ManagedServiceIdentityClient(
        StaticCredential(controls, "operator"), seeded.SUBSCRIPTION, transport=transport, retry_total=0
    )

    with pytest.raises(HttpResponseError) as refused:
        await operator.user_assigned_identities.create_or_update(
            "rg-storage", new_name(), Identity(location="westeurope")
        )

    assert refused.value.status_code == 403
    assert code(refused) == "AuthorizationFailed"


async def test_a_throttled_request_raises_an_error_with_retry_after(
    msi: ManagedServiceIdentityClient, controls: Controls
) -> None:
    controls.add_fault("PUT */userAssignedIdentities/*", status=429, code="TooManyRequests", retry_after=7)

    with pytest.raises(HttpResponseError) as throttled:
        await msi.user_assigned_identities.create_or_update(GROUP, new_name(), Identity(location="westeurope"))

    assert throttled.value.status_code == 429
    assert getattr(throttled.value.response, "headers", {})["Retry-After"] == "7"


async def test_a_workload_lists_blobs_as_its_identity_with_one_request_for_a_token(
    transport: AioHttpTransport, plain: Plain, cluster: Cluster, controls: Controls, tmp_path: Path
) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    await assign(plain, identity.principal_id, DATA_READER, ACCOUNT)
    controls.clear_calls()

    credential = workload(transport, tmp_path, identity.client_id, cluster.token(subject()))
    container = blobs(transport, credential).get_container_client("registry")
    names = [name async for name in container.list_blob_names()]

    assert names == ["hello.txt"]
    assert [(call.caller, call.method, call.host, call.status) for call in controls.calls()] == [
        (identity.name, "POST", "login.microsoftonline.com", 200),
        (identity.name, "GET", "gitlabstore.blob.core.windows.net", 200),
    ]


async def test_the_operator_logs_in_as_on_aks(
    transport: AioHttpTransport, azure_operator: Cluster, tmp_path: Path
) -> None:
    token = azure_operator.token(seeded.OPERATOR_SUBJECT)
    credential = workload(transport, tmp_path, seeded.OPERATOR_CLIENT, token)
    client = ManagedServiceIdentityClient(credential, seeded.SUBSCRIPTION, transport=transport, retry_total=0)

    made = await client.user_assigned_identities.create_or_update(GROUP, new_name(), Identity(location="westeurope"))

    assert made.principal_id


async def test_the_hosts_of_another_cloud_reach_the_same_resources(
    transport: AioHttpTransport, azure_operator: Cluster, tmp_path: Path
) -> None:
    token = azure_operator.token(seeded.OPERATOR_SUBJECT)
    credential = workload(transport, tmp_path, seeded.OPERATOR_CLIENT, token, "login.microsoftonline.us")
    client = ManagedServiceIdentityClient(
        credential,
        seeded.SUBSCRIPTION,
        base_url="https://management.usgovcloudapi.net",
        credential_scopes=["https://management.core.usgovcloudapi.net/.default"],
        transport=transport,
        retry_total=0,
    )

    made = await client.user_assigned_identities.create_or_update(GROUP, new_name(), Identity(location="westeurope"))

    assert made.principal_id


async def test_a_rejected_token_raises_an_error_with_its_aadsts_number(
    transport: AioHttpTransport, plain: Plain, cluster: Cluster, tmp_path: Path
) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    credential = workload(transport, tmp_path, identity.client_id, cluster.token(subject("other")))

    with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        await credential.get_token(f"{ARM}/.default")


async def test_blob_errors_have_azures_codes(transport: AioHttpTransport, plain: Plain, controls: Controls) -> None:
    identity = await make_identity(plain)
    service = blobs(transport, StaticCredential(controls, identity.principal_id))

    with pytest.raises(HttpResponseError) as denied:
        [name async for name in service.get_container_client("registry").list_blob_names()]
    await assign(plain, identity.principal_id, DATA_CONTRIBUTOR, ACCOUNT)
    with pytest.raises(ResourceNotFoundError) as missing:
        [name async for name in service.get_container_client("not-there").list_blob_names()]
    await service.get_blob_client("tmp", "a/b").upload_blob(b"content", overwrite=True)
    download = await service.get_blob_client("tmp", "a/b").download_blob()

    assert (denied.value.status_code, getattr(denied.value, "error_code", None)) == (
        403,
        "AuthorizationPermissionMismatch",
    )
    assert (missing.value.status_code, getattr(missing.value, "error_code", None)) == (404, "ContainerNotFound")
    assert await download.readall() == b"content"


async def test_what_the_sdk_signs_with_a_delegation_key_is_honoured(
    transport: AioHttpTransport, plain: Plain, controls: Controls
) -> None:
    identity = await make_identity(plain)
    await assign(plain, identity.principal_id, DELEGATOR, ACCOUNT)
    await assign(plain, identity.principal_id, DATA_CONTRIBUTOR, REGISTRY)
    now = dt.datetime.now(dt.UTC)
    key = await blobs(transport, StaticCredential(controls, identity.principal_id)).get_user_delegation_key(
        now, now + dt.timedelta(hours=1)
    )

    def signed(container: str, name: str, **permissions: bool) -> BlobClient:
        token = generate_blob_sas(
            *("gitlabstore", container, name),
            user_delegation_key=key,
            permission=BlobSasPermissions(**permissions),
            expiry=now + dt.timedelta(minutes=30),
        )
        url = f"https://gitlabstore.blob.core.windows.net/{container}/{quote(name)}?{token}"
        return BlobClient.from_blob_url(url, transport=transport, retry_total=0)

    name = f"{uuid.uuid4()}/a b+c.txt"
    await signed("registry", name, create=True, write=True).upload_blob(b"content")
    download = await signed("registry", name, read=True).download_blob()
    with pytest.raises(HttpResponseError) as not_signed:
        await signed("registry", name, read=True).delete_blob()
    with pytest.raises(HttpResponseError) as not_granted:
        await signed("tmp", name, create=True, write=True).upload_blob(b"content")
    await signed("registry", name, delete=True).delete_blob()

    assert await download.readall() == b"content"
    for denied in (not_signed, not_granted):
        assert getattr(denied.value, "error_code", None) == "AuthorizationPermissionMismatch"


async def test_whoever_has_an_access_key_may_do_everything(transport: AioHttpTransport, plain: Plain) -> None:
    listed = await plain.arm("POST", f"{ACCOUNT}/listKeys")
    second = listed.body["keys"][1]["value"]
    container = blobs(transport, second).get_container_client("registry")
    name = f"{uuid.uuid4()}/a b+c.txt"

    await container.upload_blob(name, b"content")
    found = [blob.name async for blob in container.list_blobs(name_starts_with=name.partition("/")[0])]
    download = await container.download_blob(name, offset=3, length=4)
    await container.delete_blob(name)

    assert found == [name]
    assert await download.readall() == b"tent"
    with pytest.raises(ClientAuthenticationError, match="is not the same as any computed signature"):
        await (
            blobs(transport, second[::-1].strip("=") + "==").get_container_client("registry").get_container_properties()
        )


async def test_a_missing_storage_account_has_no_host(transport: AioHttpTransport, controls: Controls) -> None:
    container = blobs(transport, StaticCredential(controls), "nostore").get_container_client("registry")

    with pytest.raises(ServiceResponseError, match="502, message='Bad Gateway'"):
        [name async for name in container.list_blob_names()]
