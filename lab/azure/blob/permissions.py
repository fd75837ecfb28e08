"""The permission that each blob operation needs.

Microsoft Learn, Authorize with Microsoft Entra ID: "Permissions for Blob service operations"; for signed URLs, Create a user
delegation SAS: "Specify permissions".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from lab.azure.conditions import BLOB_PATH, BLOB_PREFIX, Attributes
from lab.azure.roles import BLOBS, CONTAINERS, DELEGATION_KEY

SERVICE = "Microsoft.Storage/storageAccounts/blobServices"


@dataclass(frozen=True)
class RequiredPermission:
    """One of these actions, on the storage account or on one of its containers."""

    actions: tuple[str, ...]
    data: bool
    container: str | None
    letters: str = ""
    """The permissions of a signed URL, of which it needs one. Empty: no signed URL permits the operation."""
    creating: str | None = None
    """The action that is enough where the blob does not exist yet. A signed URL then needs `c`."""

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
    actions, letters = _blob(method, comp)
    creating = f"{BLOBS}/add/action" if (method, comp) == ("PUT", "") else None
    return RequiredPermission(actions, data=True, container=container, letters=letters, creating=creating)


def condition_attributes(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Attributes:
    """What the condition of a role assignment may ask about a request. The account and the container follow from the scope.

    Microsoft Learn, "Actions and attributes for Azure role assignment conditions for Azure Blob Storage": listing blobs is
    the suboperation Blob.List of the action blobs/read, and its prefix is an attribute of the request. Reading with a
    condition on tags and writing with tags are suboperations too.
    """
    _, _, blob = path.lstrip("/").partition("/")
    if blob:
        suboperation = ""
        if method in ("GET", "HEAD") and "x-ms-if-tags" in headers:
            suboperation = "Blob.Read.WithTagConditions"
        elif method == "PUT" and "x-ms-tags" in headers:
            suboperation = "Blob.Write.WithTagHeaders"
        return Attributes(resource={BLOB_PATH: unquote(blob)}, suboperation=suboperation)
    if query.get("restype") == "container" and query.get("comp") == "list":
        return Attributes(request={BLOB_PREFIX: query.get("prefix", "")}, suboperation="Blob.List")
    return Attributes()


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
            return RequiredPermission((f"{BLOBS}/read",), data=True, container=container, letters="l")
        case "GET", "blobs":
            return RequiredPermission((f"{BLOBS}/filter/action",), data=True, container=container, letters="f")
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


def _blob(method: str, comp: str) -> tuple[tuple[str, ...], str]:
    """The actions, and the letters of a signed URL."""
    match method, comp:
        case (("GET" | "HEAD"), "tags"):
            return (f"{BLOBS}/tags/read",), "t"
        case (("GET" | "HEAD"), _):
            return (f"{BLOBS}/read",), "r"
        case "PUT", "tags":
            return (f"{BLOBS}/tags/write",), "t"
        case "PUT", "appendblock":
            return (f"{BLOBS}/write", f"{BLOBS}/add/action"), "aw"
        case "PUT", "snapshot":
            return (f"{BLOBS}/write", f"{BLOBS}/add/action"), "cw"
        case "DELETE", _:
            return (f"{BLOBS}/delete",), "d"
        case _:
            return (f"{BLOBS}/write",), "w"
