"""The names that the operator gives. The same input gives the same name, and two inputs never give one name.

Names must be deterministic: the next pass finishes a pass that was killed, and knows only the resource. Names must be distinct:
two namespaces may belong to people who must not share anything in Azure. Azure ignores the case of names, so distinct means
distinct in lower case.
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from hashlib import sha256

from gitlab_azure_identity.api.secrets import SECRET_SUFFIXES
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.roles import Role

IDENTITY_NAME_LIMIT = 128
CREDENTIAL_NAME_LIMIT = 120

_ROLE_ASSIGNMENTS = uuid.UUID("1d81e1bc-a9f0-5b19-8aea-c2c20cf01e3a")  # uuid5(NAMESPACE_DNS, "gitlabazure.io")


def identity_name(cluster: str, namespace: str, resource: str) -> str:
    """The default name of a resource's managed identity, for example `lab-gitlab-gitlab`.

    The three parts are joined by `-`. When a part contains a `-` or `_`, they are joined by `_`, as in `aks-prod_gitlab_gitlab`.
    With a dash, `a-b`, `c` and `a`, `b-c` would have one identity. Names of namespaces and resources contain no underscore, so
    the last two underscores always separate the parts. Whatever Azure refuses (a dot, more than 128 characters) or does not
    distinguish (capitals) is replaced, and a hash of the parts ends the name.
    """
    parts = (cluster, namespace, resource)
    separator = "-" if not any("-" in part or "_" in part for part in parts) else "_"
    unambiguous = all(parts) and "_" not in namespace + resource
    return _azure_name(separator.join(parts), limit=IDENTITY_NAME_LIMIT, plain=unambiguous, exact=parts)


def default_owner(cluster: str, name: str) -> tuple[str, str] | None:
    """Namespace and name of the resource in this cluster whose default identity name this is. None when it is no default name.

    A name that ends in a hash does not reveal its owner: see `is_hashed`. Case is ignored, as Azure does."""
    folded = name.lower()
    for separator in "-_":
        namespace, found, resource = folded.removeprefix(f"{cluster}{separator}").partition(separator)
        if found and identity_name(cluster, namespace, resource) == folded:
            return namespace, resource
    return None


def is_hashed(name: str) -> bool:
    """Whether a name has the form of a default name with a hash, of any owner."""
    return re.fullmatch(r".+__[0-9a-f]{16}", name.lower()) is not None


def credential_prefix(issuer: str, namespace: str, resource: str) -> str:
    """The prefix of the names of a resource's federated identity credentials: `gai-<10 hex digits>-`.

    An identity may serve several clusters and resources. The prefix says whose a credential is.
    """
    return f"gai-{_digest(issuer, namespace, resource)[:10]}-"


def credential_name(issuer: str, namespace: str, resource: str, service_account: str) -> str:
    """The name of the federated identity credential for a service account, at most 120 characters.

    It contains the name of the service account unchanged if Azure allows that. With dots, or too long, it ends with a hash.
    """
    prefix = credential_prefix(issuer, namespace, resource)
    limit = CREDENTIAL_NAME_LIMIT - len(prefix)
    plain = bool(service_account) and "_" not in service_account
    return prefix + _azure_name(service_account, limit=limit, plain=plain, exact=(service_account,))


def hand_made_credential_name(cluster: str, namespace: str, service_account: str) -> str:
    """A name for the federated identity credential that somebody else creates for a service account. The operator never takes one
    of this name for its own."""
    parts = (cluster, namespace, service_account)
    plain = all(parts) and "_" not in namespace + service_account
    return _azure_name("-".join(parts), limit=CREDENTIAL_NAME_LIMIT, plain=plain, exact=parts)


_SERVICE_ACCOUNT = "system:serviceaccount:"


def subject(namespace: str, service_account: str) -> str:
    """The subject of a service account's tokens, as the API server writes it and Entra compares it."""
    return f"{_SERVICE_ACCOUNT}{namespace}:{service_account}"


def namespace_of(subject: str) -> str | None:
    """The namespace of a service account's subject. None for any other subject, such as that of a pipeline."""
    if not subject.startswith(_SERVICE_ACCOUNT):
        return None
    return subject.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]


def service_account_of(subject: str) -> str:
    """The service account's name in its subject."""
    return subject.rpartition(":")[2]


def role_assignment_name(scope: StorageScope, principal_id: str, role: Role) -> str:
    """The name, a GUID, of the role assignment that gives this principal this role at this scope.

    The name depends on the principal. An identity that is created again under its former name has another principal, and Azure
    refuses to change the principal of an assignment (RoleAssignmentUpdateNotPermitted).
    """
    key = _kept_apart(scope.key, principal_id.lower(), role.guid.lower())
    return str(uuid.uuid5(_ROLE_ASSIGNMENTS, key))


def tag_key(key: str) -> str:
    """A tag's key in the form that is compared. Two keys that Azure may take for one give the same text.

    "Tag names are case-insensitive for operations" (Microsoft Learn, "Use tags to organize your Azure resources"): of
    `{"key": …, "KEY": …}` Azure stores one pair (MicrosoftDocs/azure-docs#57888). No page says how it folds letters outside
    ASCII. This is Unicode's canonical caseless match (3.13, D145), by which `é` may be one character or two, and `ß` is `ss`.
    If Azure folded more than we do, every pass would write the tag again. Values are compared to the letter. Azure trims neither
    keys nor values (kubernetes-sigs/cloud-provider-azure#8119).
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())


def secret_names(resource: str) -> dict[str, str]:
    """The default name of the secret of each entry of `spec.secrets`, for the resource with this name."""
    return {entry: f"{resource}-{suffix}" for entry, suffix in SECRET_SUFFIXES.items()}


def values_config_map(resource: str) -> str:
    """The name of the config map with the Helm values."""
    return f"{resource}-gitlab-values"


def field_manager(resource: str) -> str:
    """The field manager of everything that is applied for this resource. It has at most 85 bytes; Kubernetes allows 128."""
    return f"gitlab-azure-identity:{resource}"


def _azure_name(text: str, *, limit: int, plain: bool, exact: tuple[str, ...]) -> str:
    """`text` itself if it is `plain` and Azure accepts it. Else the part of it that Azure accepts, `__`, and a hash of `exact`.

    A plain name never ends with `__` and 16 hex digits: its last underscores are single, or it has none. So the two kinds of
    names are distinct, whatever the name of a resource is.
    """
    if plain and len(text) <= limit and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", text):
        return text
    ending = f"__{_digest(*exact)[:16]}"
    kept = re.sub(r"[^a-z0-9_]+", "-", text.lower()).lstrip("-_")[: limit - len(ending)].rstrip("-_")
    return (kept or "x") + ending


def _digest(*parts: str) -> str:
    return sha256(_kept_apart(*parts).encode()).hexdigest()


def _kept_apart(*parts: str) -> str:
    """One text for several parts. Other parts always give another text: it is a JSON array without spaces."""
    return json.dumps(parts, separators=(",", ":"))
