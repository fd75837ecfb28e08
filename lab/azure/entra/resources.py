"""The resource that a scope asks for a token of."""

from lab.azure import seeded
from lab.azure.entra.errors import bad_scope, unknown_resource
from lab.azure.hosts import CLOUDS, PUBLIC, STORAGE_AUDIENCE, Cloud, storage_account

# Clients add these. They change nothing in a token for an application.
OPENID = frozenset({"openid", "offline_access", "profile", "email"})


def audience(scope: str) -> tuple[str, Cloud]:
    """The audience of the token that a scope asks for, and the cloud that the resource belongs to.

    Raises:
        EntraError: the scope does not end in /.default, or there is no such resource.
    """
    wanted = [part for part in scope.split() if part not in OPENID]
    if len(wanted) != 1 or not wanted[0].endswith("/.default"):
        raise bad_scope(scope)
    return resource_audience(wanted[0].removesuffix("/.default"))


def resource_audience(resource: str) -> tuple[str, Cloud]:
    """The same for a resource, as requests of version 1 name it. A slash at its end stays in the audience.

    Raises:
        EntraError: there is no such resource.
    """
    bare = resource.rstrip("/")
    for cloud in CLOUDS:
        if bare in cloud.arm_audiences:
            return resource, cloud
    if bare == STORAGE_AUDIENCE or _is_storage_account(bare):
        return resource, PUBLIC
    raise unknown_resource(resource, seeded.TENANT)


def _is_storage_account(resource: str) -> bool:
    return resource.startswith("https://") and storage_account(resource.removeprefix("https://")) is not None
