"""What a success of Resource Manager must contain: the parts that the operator reads. The SDK accepts any body. It then gives an
object without an id, or fails with a TypeError.

The parts that Azure always gives: Microsoft Learn, "User Assigned Identities - Get", "Federated Identity Credentials - Get",
"Role Assignments - Get"."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from gitlab_azure_identity.azure.answers import decoded


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _IdentityProperties(_Part):
    client_id: str
    principal_id: str
    tenant_id: str


class _Identity(_Part):
    id: str
    name: str
    location: str
    tags: dict[str, str] | None = None
    properties: _IdentityProperties


class _CredentialProperties(_Part):
    issuer: str
    subject: str | None = None  # a flexible credential has an expression instead
    audiences: list[str] | None = None


class _Credential(_Part):
    name: str
    properties: _CredentialProperties


class _AssignmentProperties(_Part):
    scope: str
    role_definition_id: str
    principal_id: str


class _Assignment(_Part):
    name: str
    properties: _AssignmentProperties


class _Named(_Part):
    name: str


class _Subscription(_Part):
    subscription_id: str


class _Listing(_Part):
    value: list[dict[str, object]]
    next_link: str | None = None


# By the type in the URL: one and several in words, and the shape. A storage account is read by `storage`.
_SHAPES: dict[str, tuple[str, str, type[_Part]]] = {
    "userassignedidentities": ("managed identity", "managed identities", _Identity),
    "federatedidentitycredentials": ("federated credential", "federated credentials", _Credential),
    "roleassignments": ("role assignment", "role assignments", _Assignment),
    "storageaccounts": ("storage account", "storage accounts", _Part),
    "containers": ("container", "containers", _Named),
    "resourcegroups": ("resource group", "resource groups", _Named),
    "subscriptions": ("subscription", "subscriptions", _Subscription),
}


def undescribed(url: str, body: bytes) -> str | None:
    """What an answer to a read or a write should describe and does not, in words. None when it is as it should be."""
    below = urlsplit(url).path.rpartition("/providers/")[2]
    segments = below.split("/")[1:]  # without the provider's name: type, name, type, name, ...
    listing = len(segments) % 2 == 1
    kind = segments[-1:] if listing else segments[-2:-1]
    known = _SHAPES.get("".join(kind).lower())
    if known is None:  # a list told to go on elsewhere
        return "resource"
    one, several, shape = known
    try:
        content = from_json(decoded(body))
        for each in _Listing.model_validate(content).value if listing else (content,):
            shape.model_validate(each)
    except ValueError:  # from_json and model_validate raise kinds of it
        return f"list of {several}" if listing else one
    return None


def confirms_deletion(body: bytes) -> bool:
    """Whether the body of a success may be an answer to a deletion. Azure sends none, or describes what it deleted."""
    text = decoded(body)
    try:
        content = from_json(text or "{}")
    except ValueError:
        return False
    return isinstance(content, dict) and "error" not in content
