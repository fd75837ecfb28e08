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
from hashlib import sha256

from gitlab_azure_identity.api.secrets import SECRET_SUFFIXES
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.roles import Role

IDENTITY_NAME_LIMIT = 128
CREDENTIAL_NAME_LIMIT = 120

_ROLE_ASSIGNMENTS = uuid.UUID("1d81e1bc-a9f0-5b19-8aea-c2c20cf01e3a")  # uuid5(NAMESPACE_DNS, "gitlabazure.io")


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


def role_assignment_name(scope: StorageScope, principal_id: str, role: Role) -> str:
    """The name, a GUID, of the role assignment that gives this principal this role at this scope.

    The principal belongs in it: an identity made anew under its old name is another principal, and Azure refuses to
    turn an assignment to it (RoleAssignmentUpdateNotPermitted).
    """
    key = _kept_apart(scope.key, principal_id.lower(), role.guid.lower())
    return str(uuid.uuid5(_ROLE_ASSIGNMENTS, key))


def tag_key(key: str) -> str:
    """A tag's key as it is compared: two keys that Azure may take for one give the same.

    "Tag names are case-insensitive for operations" (Microsoft Learn, "Use tags to organize your Azure resources"): of
    `{"key": …, "KEY": …}` Azure stores one pair (MicrosoftDocs/azure-docs#57888). How it folds beyond ASCII is told nowhere.
    This is Unicode's canonical caseless match (3.13, D145), for which `é` may be one character or two, and `ß` is `ss`: where
    Azure folds more than we do, a tag is written for ever. Values are compared to the letter. Azure trims neither keys nor
    values (kubernetes-sigs/cloud-provider-azure#8119).
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())


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
