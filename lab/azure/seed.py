"""Creates what exists when the lab starts. It sends no requests, so the call log begins empty."""

from lab.azure import seeded
from lab.azure.accounts import StorageAccount
from lab.azure.azurite import Azurite
from lab.azure.roles import BY_NAME
from lab.azure.state import (
    LONG_AGO,
    AzureState,
    Credential,
    EffectivePeriod,
    Identity,
    Principal,
    ResourceGroup,
    RoleAssignment,
)

SUBSCRIPTION_SCOPE = f"/subscriptions/{seeded.SUBSCRIPTION}"


def seed(state: AzureState) -> None:
    """Resource groups, storage accounts, the owner, and the operator with its rights. All of it is effective at once."""
    for name in (seeded.IDENTITY_GROUP, seeded.STORAGE_GROUP, seeded.PLATFORM_GROUP):
        state.groups[name] = ResourceGroup(name, seeded.LOCATION)
    for name in seeded.STORAGE_ACCOUNTS:
        state.accounts[name] = StorageAccount(seeded.STORAGE_GROUP, name, seeded.LOCATION, created=state.clock.now())
    state.principals[seeded.OWNER_PRINCIPAL] = Principal(seeded.OWNER_PRINCIPAL, seeded.OWNER_CLIENT, "owner")
    state.names = {seeded.OWNER_PRINCIPAL: "owner", seeded.OPERATOR_PRINCIPAL: "operator"}
    _assign(state, "Owner", seeded.OWNER_PRINCIPAL, SUBSCRIPTION_SCOPE)
    _seed_operator(state)


def _seed_operator(state: AzureState) -> None:
    """The operator's identity, with the least rights that its documentation asks for."""
    identity = Identity(
        group=seeded.PLATFORM_GROUP,
        name=seeded.OPERATOR_IDENTITY,
        location=seeded.LOCATION,
        tags={},
        principal_id=seeded.OPERATOR_PRINCIPAL,
        client_id=seeded.OPERATOR_CLIENT,
    )
    state.add_identity(identity, LONG_AGO)
    credential = Credential(
        name=seeded.OPERATOR_CREDENTIAL,
        issuer=seeded.ISSUER,
        subject=seeded.OPERATOR_SUBJECT,
        audiences=(seeded.AUDIENCE,),
        period=EffectivePeriod(),
    )
    state.set_credential(identity, credential)
    group, account = state.groups[seeded.IDENTITY_GROUP], state.accounts[seeded.BLOB_ACCOUNT]
    _assign(state, "Managed Identity Contributor", seeded.OPERATOR_PRINCIPAL, group.id)
    administrator = "Role Based Access Control Administrator"
    _assign(state, administrator, seeded.OPERATOR_PRINCIPAL, account.id, seeded.OPERATOR_CONDITION)


def _assign(state: AzureState, role: str, principal_id: str, scope: str, condition: str | None = None) -> None:
    name = seeded.named_guid(f"assignment/{role}/{principal_id}/{scope}")
    now = state.clock.now()
    state.assignments[name] = RoleAssignment(
        name=name,
        scope=scope,
        role_definition_id=f"{SUBSCRIPTION_SCOPE}/providers/Microsoft.Authorization/roleDefinitions/{BY_NAME[role].id}",
        principal_id=principal_id,
        principal_type="ServicePrincipal",
        period=EffectivePeriod(),
        created_on=now,
        updated_on=now,
        created_by=seeded.OWNER_PRINCIPAL,
        updated_by=seeded.OWNER_PRINCIPAL,
        condition=condition,
        condition_version="2.0" if condition else None,
    )


async def seed_blobs(azurite: Azurite) -> None:
    """The containers of GitLab's chart in every storage account, and one blob."""
    for account in seeded.STORAGE_ACCOUNTS:
        for container in seeded.CONTAINERS:
            await azurite.create_container(account, container)
    await azurite.put_blob(seeded.BLOB_ACCOUNT, seeded.BLOB_CONTAINER, seeded.BLOB_NAME, seeded.BLOB_CONTENT)
