"""Puts into the world what is there when the lab starts. None of it is a call, so the call log begins empty."""

from lab.azure import fixed
from lab.azure.azurite import Azurite
from lab.azure.roles import BY_NAME
from lab.azure.world import (
    LONG_AGO,
    Credential,
    Identity,
    Principal,
    ResourceGroup,
    RoleAssignment,
    Span,
    StorageAccount,
    World,
)

SUBSCRIPTION_SCOPE = f"/subscriptions/{fixed.SUBSCRIPTION}"


def seed(world: World) -> None:
    """Groups, storage accounts, the owner, and the operator with its rights; all of it since long ago."""
    for name in (fixed.IDENTITY_GROUP, fixed.STORAGE_GROUP, fixed.PLATFORM_GROUP):
        world.groups[name] = ResourceGroup(name, fixed.LOCATION)
    for name in fixed.STORAGE_ACCOUNTS:
        world.accounts[name] = StorageAccount(fixed.STORAGE_GROUP, name, fixed.LOCATION, created=world.clock.now())
    world.principals[fixed.OWNER_PRINCIPAL] = Principal(fixed.OWNER_PRINCIPAL, fixed.OWNER_CLIENT, "owner")
    world.names = {fixed.OWNER_PRINCIPAL: "owner", fixed.OPERATOR_PRINCIPAL: "operator"}
    _assign(world, "Owner", fixed.OWNER_PRINCIPAL, SUBSCRIPTION_SCOPE)
    _seed_operator(world)


def _seed_operator(world: World) -> None:
    """The rights that the operator documents as the least it needs, and nothing more."""
    identity = Identity(
        group=fixed.PLATFORM_GROUP,
        name=fixed.OPERATOR_IDENTITY,
        location=fixed.LOCATION,
        tags={},
        principal_id=fixed.OPERATOR_PRINCIPAL,
        client_id=fixed.OPERATOR_CLIENT,
    )
    world.add_identity(identity, LONG_AGO)
    credential = Credential(
        name=fixed.OPERATOR_CREDENTIAL,
        issuer=fixed.ISSUER,
        subject=fixed.OPERATOR_SUBJECT,
        audiences=(fixed.AUDIENCE,),
        span=Span(),
    )
    world.set_credential(identity, credential)
    group, account = world.groups[fixed.IDENTITY_GROUP], world.accounts[fixed.BLOB_ACCOUNT]
    _assign(world, "Managed Identity Contributor", fixed.OPERATOR_PRINCIPAL, group.id)
    _assign(world, "Role Based Access Control Administrator", fixed.OPERATOR_PRINCIPAL, account.id)


def _assign(world: World, role: str, principal_id: str, scope: str) -> None:
    name = fixed.named_guid(f"assignment/{role}/{principal_id}/{scope}")
    now = world.clock.now()
    world.assignments[name] = RoleAssignment(
        name=name,
        scope=scope,
        role_definition_id=f"{SUBSCRIPTION_SCOPE}/providers/Microsoft.Authorization/roleDefinitions/{BY_NAME[role].id}",
        principal_id=principal_id,
        principal_type="ServicePrincipal",
        span=Span(),
        created_on=now,
        updated_on=now,
        created_by=fixed.OWNER_PRINCIPAL,
        updated_by=fixed.OWNER_PRINCIPAL,
    )


async def seed_blobs(azurite: Azurite) -> None:
    """The containers of GitLab's chart in every account, and one blob to be found."""
    for account in fixed.STORAGE_ACCOUNTS:
        for container in fixed.CONTAINERS:
            await azurite.create_container(account, container)
    await azurite.put_blob(fixed.BLOB_ACCOUNT, fixed.BLOB_CONTAINER, fixed.BLOB_NAME, fixed.BLOB_CONTENT)
