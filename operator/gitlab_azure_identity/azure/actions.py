"""What a request to Azure does, in Azure's own words: the action that a role must contain for it.

Actions of Resource Manager are the namespace and the type of what is asked for, and a verb (Microsoft Learn, "Azure permissions
for ..."; each type's page there). Those of Blob Storage are given by operation (Microsoft Learn, "Authorize with Microsoft Entra
ID (REST API)", section "Permissions for blob service operations")."""

from urllib.parse import parse_qs, urlsplit

OTHER = "other"
TOKEN = "oauth2/v2.0/token"  # noqa: S105 - Entra has no actions: the path of its endpoint
_TYPES = {
    name.lower(): name
    for name in (
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Storage/storageAccounts",
    )
}
_VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_BLOB_SERVICES = "Microsoft.Storage/storageAccounts/blobServices"
_SERVICE = {
    ("GET", "list"): f"{_BLOB_SERVICES}/containers/read",
    ("POST", "userdelegationkey"): f"{_BLOB_SERVICES}/generateUserDelegationKey/action",
}
_CONTAINER = {
    ("GET", "list"): f"{_BLOB_SERVICES}/containers/blobs/read",
    ("PUT", ""): f"{_BLOB_SERVICES}/containers/write",
}


def action(method: str, url: str) -> str:
    """The action of a request, from a set that does not grow with what people name things. What is not known is `other`."""
    parts = urlsplit(url)
    path = parts.path.strip("/")
    if ".blob." in (parts.hostname or ""):
        return _of_blobs(method, path, "".join(parse_qs(parts.query).get("comp", ())))
    if path.endswith(TOKEN):
        return TOKEN
    namespace, *segments = path.rpartition("providers/")[2].split("/")
    kind = _TYPES.get("/".join((namespace, *segments[::2])).lower())
    return f"{kind}/{_VERBS[method]}" if kind and method in _VERBS else OTHER


def _of_blobs(method: str, path: str, comp: str) -> str:
    container, _, blob = path.partition("/")
    if blob:
        return f"{_BLOB_SERVICES}/containers/blobs/{_VERBS[method]}" if method in _VERBS else OTHER
    return (_CONTAINER if container else _SERVICE).get((method, comp), OTHER)
