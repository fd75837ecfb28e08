"""The names the operator gives: the same input gives the same name, and two inputs never give one name.

Names have to be deterministic, because a pass that was killed is finished by the next one, which knows nothing but the
resource. And they have to be distinct, because two namespaces may belong to people who must not meet in Azure. Azure
compares names without regard to case, so distinct means distinct in lower case.
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from dataclasses import dataclass
from hashlib import sha256

from gitlab_azure_identity.api.secrets import SECRET_SUFFIXES

IDENTITY_NAME_LIMIT = 128
CREDENTIAL_NAME_LIMIT = 120

_ROLE_ASSIGNMENTS = uuid.UUID("1d81e1bc-a9f0-5b19-8aea-c2c20cf01e3a")  # uuid5(NAMESPACE_DNS, "gitlabazure.io")


@dataclass(frozen=True, kw_only=True)
class Role:
    """A built-in Azure role; its GUID is the same in every tenant and cloud."""

    name: str
    guid: str


STORAGE_BLOB_DATA_CONTRIBUTOR = Role(name="Storage Blob Data Contributor", guid="ba92f5b4-2d11-453d-a403-e96b0029c9fe")
STORAGE_BLOB_DELEGATOR = Role(name="Storage Blob Delegator", guid="db58b8e5-c6ad-4a2a-8342-4190687cbf4a")
STORAGE_ROLES = (STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR)


def identity_name(cluster: str, namespace: str, resource: str) -> str:
    """The default name of a resource's managed identity, for example `lab-gitlab-gitlab`.

    The three parts are joined by `-`. Where a part has a `-` or `_` of its own they are joined by `_`, as in
    `aks-prod_gitlab_gitlab`: a dash would let `a-b`, `c` and `a`, `b-c` meet in one identity, and namespaces and
    resources cannot hold an underscore, so the last two always mark the seams. What Azure would refuse (a dot, more
    than 128 characters) or not tell apart (capitals) is replaced, and a hash of the parts ends the name.
    """
    parts = (cluster, namespace, resource)
    separator = "-" if not any("-" in part or "_" in part for part in parts) else "_"
    tellable = all(parts) and "_" not in namespace + resource
    return _azure_name(separator.join(parts), limit=IDENTITY_NAME_LIMIT, plain=tellable, exact=parts)


def default_owner(cluster: str, name: str) -> tuple[str, str] | None:
    """Namespace and name of the resource whose default this identity name is, in this cluster; None when it is nobody's.

    A name that ends in a hash tells no owner: see `is_hashed`. Azure compares names without regard to case, and so does this."""
    folded = name.lower()
    for separator in "-_":
        namespace, seam, resource = folded.removeprefix(f"{cluster}{separator}").partition(separator)
        if seam and identity_name(cluster, namespace, resource) == folded:
            return namespace, resource
    return None


def is_hashed(name: str) -> bool:
    """Whether a name has the form that default names with a hash have, whoever's they are."""
    return re.fullmatch(r".+__[0-9a-f]{16}", name.lower()) is not None


def credential_prefix(issuer: str, namespace: str, resource: str) -> str:
    """What the names of a resource's federated identity credentials begin with: `gai-<10 hex digits>-`.

    An identity may serve several clusters and resources; the prefix tells whose a credential is.
    """
    return f"gai-{_digest(issuer, namespace, resource)[:10]}-"


def credential_name(issuer: str, namespace: str, resource: str, service_account: str) -> str:
    """The name of the federated identity credential for a service account, at most 120 characters.

    The account's name stands in it unchanged where Azure allows; a name with dots, or a longer one, ends with a hash.
    """
    prefix = credential_prefix(issuer, namespace, resource)
    limit = CREDENTIAL_NAME_LIMIT - len(prefix)
    plain = bool(service_account) and "_" not in service_account
    return prefix + _azure_name(service_account, limit=limit, plain=plain, exact=(service_account,))


_SERVICE_ACCOUNT = "system:serviceaccount:"


def subject(namespace: str, service_account: str) -> str:
    """The subject of a service account's tokens, as the API server writes it and Entra compares it."""
    return f"{_SERVICE_ACCOUNT}{namespace}:{service_account}"


def namespace_of(subject: str) -> str | None:
    """The namespace of a service account's subject; None for any other subject, such as a pipeline's."""
    if not subject.startswith(_SERVICE_ACCOUNT):
        return None
    return subject.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]


def role_assignment_name(scope: str, principal_id: str, role_definition_guid: str) -> str:
    """The name, a GUID, of the role assignment that gives this principal this role at this scope.

    The principal belongs in it: an identity made anew under its old name is another principal, and Azure refuses to
    turn an assignment to it (RoleAssignmentUpdateNotPermitted).
    """
    key = _kept_apart(_folded(scope), principal_id.lower(), role_definition_guid.lower())
    return str(uuid.uuid5(_ROLE_ASSIGNMENTS, key))


def account_scope(subscription: str, resource_group: str, account: str) -> str:
    """The ARM id of a storage account."""
    return (
        f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
        f"/providers/Microsoft.Storage/storageAccounts/{account}"
    )


def account_of(scope: str) -> str:
    """ARM id of the storage account that a scope is, or is in."""
    return "/".join(scope.split("/")[:9])


def container_scope(account_scope: str, container: str) -> str:
    """The ARM id of a blob container of the storage account with the ARM id `account_scope`."""
    return f"{account_scope}/blobServices/default/containers/{container}"


def identity_id(subscription: str, resource_group: str, name: str) -> str:
    """The ARM id of a managed identity."""
    return (
        f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
        f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    )


def role_definition_id(subscription: str, guid: str) -> str:
    """The ARM id of a role definition, as a role assignment in this subscription names it."""
    return f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def role_guid(role_definition_id: str) -> str:
    """The GUID a role definition's id ends with, in lower case.

    Compare roles by it: Azure may answer `/providers/…` where `/subscriptions/…/providers/…` was sent.
    """
    return _folded(role_definition_id).rpartition("/")[2]


def same_arm_id(a: str, b: str) -> bool:
    """Whether two ARM ids name one thing: case does not count (Azure answers `resourcegroups` whatever was sent)."""
    return _folded(a) == _folded(b)


def tag_key(key: str) -> str:
    """A tag's key as it is compared: two keys that Azure may take for one give the same.

    "Tag names are case-insensitive for operations" (Microsoft Learn, "Use tags to organize your Azure resources"): of
    `{"key": …, "KEY": …}` Azure stores one pair (MicrosoftDocs/azure-docs#57888). How it folds beyond ASCII is told nowhere.
    This is Unicode's canonical caseless match (3.13, D145), for which `é` may be one character or two, and `ß` is `ss`: where
    Azure folds more than we do, a tag is written for ever. Values are compared to the letter. Azure trims neither keys nor
    values (kubernetes-sigs/cloud-provider-azure#8119).
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())


def _folded(arm_id: str) -> str:
    text = arm_id.strip("/")
    return text.lower() if text.isascii() else "".join(map(_small, text))


def _small(letter: str) -> str:
    """A letter in lower case, by way of its capital, as Azure compares (.NET, OrdinalIgnoreCase): three sigmas are one.

    Not casefold(): it makes `straße` and `strasse` one, and both may be resource groups. Nor does a letter become one of
    ASCII, such as the sign of Kelvin `k`, or two.
    """
    capital = letter.upper()
    small = (capital if len(capital) == 1 else letter).lower()
    return small if len(small) == 1 and small.isascii() == letter.isascii() else letter


def secret_names(resource: str) -> dict[str, str]:
    """Entry of `spec.secrets` to the default name of its secret, for the resource with this name."""
    return {entry: f"{resource}-{suffix}" for entry, suffix in SECRET_SUFFIXES.items()}


def values_config_map(resource: str) -> str:
    """The name of the config map that holds the Helm values."""
    return f"{resource}-gitlab-values"


def field_manager(resource: str) -> str:
    """The field manager of everything applied for this resource; Kubernetes allows 128 bytes, this is 85 at most."""
    return f"gitlab-azure-identity:{resource}"


def _azure_name(text: str, *, limit: int, plain: bool, exact: tuple[str, ...]) -> str:
    """`text` itself if it is `plain` and Azure takes it, else what can stay of it, `__`, and a hash of `exact`.

    A plain name never ends with `__` and 16 hex digits (its last underscores are single, or there are none), so the
    two kinds cannot meet, whatever somebody calls his resource.
    """
    if plain and len(text) <= limit and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", text):
        return text
    ending = f"__{_digest(*exact)[:16]}"
    kept = re.sub(r"[^a-z0-9_]+", "-", text.lower()).lstrip("-_")[: limit - len(ending)].rstrip("-_")
    return (kept or "x") + ending


def _digest(*parts: str) -> str:
    return sha256(_kept_apart(*parts).encode()).hexdigest()


def _kept_apart(*parts: str) -> str:
    """One text for several, and another for any others, whatever is in them: a JSON array without spaces."""
    return json.dumps(parts, separators=(",", ":"))
