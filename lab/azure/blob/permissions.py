"""The permission that each blob operation needs.

Microsoft Learn, Authorize with Microsoft Entra ID: "Permissions for Blob service operations".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from lab.azure.roles import BLOBS, CONTAINERS, DELEGATION_KEY

SERVICE = "Microsoft.Storage/storageAccounts/blobServices"


@dataclass(frozen=True)
class RequiredPermission:
    """One of these actions, on the storage account or on one of its containers."""

    actions: tuple[str, ...]
    data: bool
    container: str | None
    creating: str | None = None
    """The action that is enough where the blob does not exist yet."""

    def scope(self, account_id: str) -> str:
        if self.container is None:
            return account_id
        return f"{account_id}/blobServices/default/containers/{self.container}"


def required_permission(method: str, path: str, query: Mapping[str, str]) -> RequiredPermission:
    """The permission that a request needs. `path` is still escaped."""
    container, _, blob = path.lstrip("/").partition("/")
    container, comp = unquote(container), query.get("comp", "")
    if not container:
        return RequiredPermission((_service(method, comp),), data=comp == "batch", container=None)
    if query.get("restype") == "container" and not blob:
        return _container(method, comp, container)
    creating = f"{BLOBS}/add/action" if (method, comp) == ("PUT", "") else None
    return RequiredPermission(_blob(method, comp), data=True, container=container, creating=creating)


def _service(method: str, comp: str) -> str:
    match method, comp:
        case "GET", "list":
            return f"{CONTAINERS}/read"
        case "POST", "userdelegationkey":
            return DELEGATION_KEY
        case "POST", "batch":
            return f"{BLOBS}/delete"
        case (("GET" | "HEAD"), _):
            return f"{SERVICE}/read"
        case _:
            return f"{SERVICE}/write"


def _container(method: str, comp: str, container: str) -> RequiredPermission:
    match method, comp:
        case "GET", "list":
            return RequiredPermission((f"{BLOBS}/read",), data=True, container=container)
        case "GET", "blobs":
            return RequiredPermission((f"{BLOBS}/filter/action",), data=True, container=container)
        case "POST", "batch":
            return RequiredPermission((f"{BLOBS}/delete",), data=True, container=container)
        case (("GET" | "HEAD"), "acl"):
            action = "getAcl/action"
        case "PUT", "acl":
            action = "setAcl/action"
        case (("GET" | "HEAD"), _):
            action = "read"
        case "DELETE", _:
            action = "delete"
        case _:
            action = "write"
    return RequiredPermission((f"{CONTAINERS}/{action}",), data=False, container=container)


def _blob(method: str, comp: str) -> tuple[str, ...]:
    match method, comp:
        case (("GET" | "HEAD"), "tags"):
            return (f"{BLOBS}/tags/read",)
        case (("GET" | "HEAD"), _):
            return (f"{BLOBS}/read",)
        case "PUT", "tags":
            return (f"{BLOBS}/tags/write",)
        case "PUT", ("appendblock" | "snapshot"):
            return (f"{BLOBS}/write", f"{BLOBS}/add/action")
        case "DELETE", _:
            return (f"{BLOBS}/delete",)
        case _:
            return (f"{BLOBS}/write",)
