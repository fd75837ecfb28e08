"""Other tenants, disabled subscriptions, unregistered providers, resource groups that are being deleted, missing scopes."""

import uuid

import pytest

from lab.azure import seeded
from lab.controls import Controls, RefusedError

from .cluster import Cluster
from .objects import (
    ACCOUNT,
    DATA_CONTRIBUTOR,
    GROUP,
    SUBSCRIPTION,
    CreatedIdentity,
    assign,
    assignment_path,
    credential_path,
    eventually,
    exchange,
    federate,
    grant,
    identity_path,
    make_identity,
    new_guid,
    new_name,
    subject,
    trust,
)
from .plain import ARM, LOGIN, Plain

LOCATION = {"location": "westeurope"}
SERVICE_PRINCIPAL = {"principalType": "ServicePrincipal"}
OTHER = "99999999-0000-4000-8000-2d7cd011db47"
"""Another tenant."""
FOREIGN = "22222222-3333-4444-5555-666666666666"
"""A subscription of another tenant."""


@pytest.fixture
async def identity(plain: Plain, cluster: Cluster) -> CreatedIdentity:
    made = await make_identity(plain)
    await federate(plain, made, cluster)
    return made


# Tenants


async def test_a_subscription_of_another_tenant_refuses_a_token(plain: Plain, controls: Controls) -> None:
    controls.put_subscription(FOREIGN, tenant=OTHER)
    account = ACCOUNT.replace(seeded.SUBSCRIPTION, FOREIGN)

    for path in (account, f"{account}/providers/Microsoft.Authorization/roleAssignments"):
        reply = await plain.arm("GET", path, principal="operator")
        assert (reply.status, reply.code) == (401, "InvalidAuthenticationTokenTenant")
        assert reply.message == (
            f"The access token is from the wrong issuer 'https://sts.windows.net/{seeded.TENANT}/'. It must match the tenant "
            f"'https://sts.windows.net/{OTHER}/' associated with this subscription. Please use the authority (URL) "
            f"'https://login.windows.net/{OTHER}' to get the token. Note, if the subscription is transferred to another tenant "
            "there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). "
            "If you just transferred your subscription and see this error message, please try back later."
        )
    assert (await plain.arm("GET", ACCOUNT)).status == 200


async def test_a_subscription_that_moved_to_another_tenant_refuses_every_token(
    plain: Plain, controls: Controls
) -> None:
    controls.put_subscription(seeded.SUBSCRIPTION, tenant=OTHER)
    refused = await plain.arm("GET", GROUP)
    controls.restore()

    assert (refused.status, refused.code) == (401, "InvalidAuthenticationTokenTenant")
    assert (await plain.arm("GET", SUBSCRIPTION)).body["tenantId"] == seeded.TENANT


async def test_a_tenant_does_not_know_the_identities_of_another(
    plain: Plain, controls: Controls, cluster: Cluster, identity: CreatedIdentity
) -> None:
    unknown = await exchange(plain, identity.client_id, cluster.token(subject()), tenant=OTHER)
    controls.put_tenant(OTHER)

    elsewhere = await exchange(plain, identity.client_id, cluster.token(subject()), tenant=OTHER)
    documents = await plain.send("GET", f"{LOGIN}/{OTHER}/v2.0/.well-known/openid-configuration")

    assert unknown.body["error_codes"] == [90002]
    assert (elsewhere.status, elsewhere.body["error"]) == (400, "unauthorized_client")
    assert elsewhere.body["error_description"].startswith(
        f"AADSTS700016: Application with identifier '{identity.client_id}' was not found in the directory '{OTHER}'."
    )
    assert documents.body["issuer"] == f"{LOGIN}/{OTHER}/v2.0"
    assert (await exchange(plain, identity.client_id, cluster.token(subject()))).status == 200


async def test_an_identity_of_another_tenant_logs_in_at_that_tenant(
    plain: Plain, controls: Controls, cluster: Cluster, identity: CreatedIdentity
) -> None:
    controls.move_identity("rg-gitlab", identity.name, OTHER)
    scope = {"scope": f"{ARM}/.default"}

    read = await plain.arm("GET", identity_path(identity.name))
    home = await exchange(plain, identity.client_id, cluster.token(subject()), **scope)
    away = await exchange(plain, identity.client_id, cluster.token(subject()), tenant=OTHER, **scope)
    used = await plain.send(
        "GET",
        f"{ARM}{GROUP}?api-version=2021-04-01",
        headers={"Authorization": f"Bearer {away.body['access_token']}"},
    )
    for_storage = await exchange(plain, identity.client_id, cluster.token(subject()), tenant=OTHER)
    blobs = await plain.blob("GET", "/?comp=list", Authorization=f"Bearer {for_storage.body['access_token']}")

    assert read.body["properties"]["tenantId"] == OTHER
    assert home.body["error_codes"] == [700016]
    assert away.status == 200
    assert (used.status, used.code) == (401, "InvalidAuthenticationTokenTenant")
    assert (blobs.status, blobs.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
    assert "Issuer validation failed. Issuer did not match." in blobs.text
    controls.restore()
    assert (await plain.arm("GET", identity_path(identity.name))).body["properties"]["tenantId"] == seeded.TENANT


# A subscription, and its resource providers


async def test_a_disabled_subscription_allows_reads_and_deletions_only(
    plain: Plain, controls: Controls, identity: CreatedIdentity
) -> None:
    controls.put_subscription(seeded.SUBSCRIPTION, disabled=True)

    written = [
        await plain.arm("PUT", identity_path(new_name()), LOCATION, principal="operator"),
        await plain.arm("PUT", credential_path(identity.name, "other"), trust("i", "s"), principal="operator"),
        await plain.arm("PUT", assignment_path(ACCOUNT, new_guid()), grant(new_guid(), DATA_CONTRIBUTOR)),
    ]
    state = await plain.arm("GET", SUBSCRIPTION)
    deleted = await plain.arm("DELETE", identity_path(identity.name), principal="operator")
    controls.put_subscription(seeded.SUBSCRIPTION, disabled=False)

    for reply in written:
        assert (reply.status, reply.code) == (409, "ReadOnlyDisabledSubscription")
        assert reply.message == (
            f"The subscription '{seeded.SUBSCRIPTION}' is disabled and therefore marked as read only. You cannot perform any "
            "write actions on this subscription until it is re-enabled."
        )
    assert (state.status, state.body["state"], deleted.status) == (200, "Disabled", 200)
    assert (await plain.arm("PUT", identity_path(new_name()), LOCATION)).status == 201


async def test_an_unregistered_provider_refuses_writes_until_it_is_registered(
    plain: Plain, controls: Controls, identity: CreatedIdentity
) -> None:
    provider = f"{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity"
    controls.unregister("Microsoft.ManagedIdentity")
    controls.set(provider_registration=1)

    async def put() -> str:
        reply = await plain.arm("PUT", identity_path(new_name()), LOCATION)
        return "" if reply.status == 201 else reply.code

    unregistered = await plain.arm("PUT", credential_path(identity.name, "other"), trust("i", "s"))
    read = await plain.arm("GET", identity_path(identity.name))
    states = [(await plain.arm("GET", provider)).body["registrationState"]]
    states.append((await plain.arm("POST", f"{provider}/register")).body["registrationState"])
    registering = await plain.arm("PUT", identity_path(new_name()), LOCATION)

    async def registered() -> bool:
        return await put() == ""

    await eventually(registered)
    states.append((await plain.arm("GET", provider)).body["registrationState"])

    assert (unregistered.status, unregistered.code) == (409, "MissingSubscriptionRegistration")
    assert unregistered.message == (
        "The subscription is not registered to use namespace 'Microsoft.ManagedIdentity'. See "
        "https://aka.ms/rps-not-found for how to register subscriptions."
    )
    assert unregistered.body["error"]["details"] == [
        {"code": unregistered.code, "target": "Microsoft.ManagedIdentity", "message": unregistered.message}
    ]
    assert read.status == 200
    assert (registering.status, registering.code) == (409, "MissingRegistrationForLocation")
    assert registering.message == (
        "The subscription is not registered for the resource type 'userAssignedIdentities' in the location 'westeurope'. "
        "Please re-register for this provider in order to have access to this location."
    )
    assert states == ["NotRegistered", "Registering", "Registered"]


async def test_a_region_without_federated_credentials_refuses_them(plain: Plain) -> None:
    name = new_name()

    made = await plain.arm("PUT", identity_path(name), {"location": "malaysiasouth"})
    refused = await plain.arm("PUT", credential_path(name, "gitlab"), trust("i", "s"))

    assert made.status == 201
    assert (refused.status, refused.code) == (405, "MethodNotAllowed")
    assert (
        refused.message == "The request format was unexpected : Support for federated identity credentials not enabled"
    )
    assert (await plain.arm("GET", f"{identity_path(name)}/federatedIdentityCredentials")).body == {"value": []}


# What goes


async def test_a_group_that_is_being_deleted_refuses_writes(
    plain: Plain, controls: Controls, identity: CreatedIdentity
) -> None:
    controls.begin_deletion("rg-gitlab")

    written = [
        await plain.arm("PUT", identity_path(new_name()), LOCATION),
        await plain.arm("PUT", credential_path(identity.name, "other"), trust("i", "s")),
        await plain.arm("PUT", GROUP, LOCATION),
    ]
    read = await plain.arm("GET", GROUP)
    deleted = await plain.arm("DELETE", identity_path(identity.name))
    controls.restore()

    for reply in written:
        assert (reply.status, reply.code) == (409, "ResourceGroupBeingDeleted")
        assert reply.message == (
            "The resource group 'rg-gitlab' is in deprovisioning state and cannot perform this operation."
        )
    assert read.body["properties"]["provisioningState"] == "Deleting"
    assert deleted.status == 200
    assert (await plain.arm("GET", GROUP)).body["properties"]["provisioningState"] == "Succeeded"
    with pytest.raises(RefusedError, match="There is no resource group 'nowhere'"):
        controls.begin_deletion("nowhere")


async def test_a_deleted_account_is_403_with_rights_on_it_alone_and_404_with_rights_above(plain: Plain) -> None:
    account = (
        f"{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage/storageAccounts/{uuid.uuid4().hex[:12]}"
    )
    await plain.arm("PUT", account, {"location": "westeurope", "sku": {"name": "Standard_LRS"}})
    narrow = await make_identity(plain)
    await assign(plain, narrow.principal_id, "f58310d9-a9f6-439a-9e8d-f62e7b41a168", account)
    assignment = await assign(plain, narrow.principal_id, DATA_CONTRIBUTOR, account)
    await plain.arm("DELETE", account)

    for method, path in (("DELETE", assignment), ("GET", account)):
        blind = await plain.arm(method, path, principal=narrow.principal_id)
        seeing = await plain.arm(method, path)
        assert (blind.status, blind.code) == (403, "AuthorizationFailed")
        assert "or the scope is invalid" in blind.message
        assert (seeing.status, seeing.code) == (404, "ResourceNotFound")
