"""`status`: what the operator found and did. Only the operator writes it, but anybody with the right to it may have changed it.

The name or ARM id of an object must have the form of one before a request is made with it. An entry without that form counts
as lost, and the rest of the status is kept. The API server does not check this, so it never refuses a status of the operator
because of its form."""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, WrapValidator

from gitlab_azure_identity.api.schema import Model

# In characters. Longer texts are cut when a status is written.
MESSAGE_LIMIT = 32768
HANDLED_LIMIT = 256
NEVER_OBSERVED = -1  # the generation that the API server gives a status which no operator has written yet


def _shaped(what: str, pattern: str) -> AfterValidator:
    """A check of the whole text. It ignores case, as Azure does."""
    form = re.compile(pattern, re.IGNORECASE)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"not {what}")
        return text

    return AfterValidator(check)


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without a time zone")
    return text


def _or_lost(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The value, or None when it does not fit."""
    try:
        return handler(value)
    except ValidationError:
        return None


def _entries_that_fit(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The list without the entries that do not fit. A value that is no list gives an empty one."""
    kept = []
    for entry in value if isinstance(value, list) else ():
        try:
            kept += handler([entry])
        except ValidationError:
            continue
    return kept


Lost = WrapValidator(_or_lost)
Fitting = WrapValidator(_entries_that_fit)

_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IN_GROUP = r"/subscriptions/[0-9a-f-]{36}/resourcegroups/[^/?#%\s]{1,90}/providers"
# Of an account whose endpoints are in a DNS zone (Microsoft Learn, "Storage account overview": "Azure DNS zone endpoints").
ZONE_DOMAIN = r"z[0-9]+\.blob\.storage\.azure\.net"
_CLOUD_DOMAIN = r"blob\.core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)"
_CONTAINER = r"/blobservices/default/containers/[a-z0-9-]{3,63}"
Guid = Annotated[str, _shaped("a GUID", _GUID)]
GuidOrEmpty = Annotated[str, _shaped("a GUID", f"({_GUID})?")]
IdentityArmId = Annotated[
    str,
    _shaped(
        "the ARM id of a managed identity",
        rf"{_IN_GROUP}/microsoft\.managedidentity/userassignedidentities/[a-z0-9][a-z0-9_-]{{2,127}}",
    ),
]
StorageArmId = Annotated[
    str,
    _shaped(
        "the ARM id of a storage account or container",
        rf"{_IN_GROUP}/microsoft\.storage/storageaccounts/[a-z0-9]{{3,24}}({_CONTAINER})?",
    ),
]
BlobEndpoint = Annotated[
    str,
    _shaped(
        "the address of a blob endpoint",
        rf"https://[a-z0-9]{{3,24}}\.({ZONE_DOMAIN}|{_CLOUD_DOMAIN})/",
    ),
]
CredentialName = Annotated[str, _shaped("the name of a federated credential", r"[a-z0-9][a-z0-9_-]{2,119}")]
KubeName = Annotated[str, _shaped("the name of an object", r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")]
Moment = Annotated[str, AfterValidator(_moment)]


class Origin(StrEnum):
    """Whether the operator created the managed identity, or adopted it, or only observes it. It only deletes one that it
    created."""

    CREATED = "Created"
    ADOPTED = "Adopted"
    OBSERVED = "Observed"


class Condition(Model):
    """A Kubernetes condition (api-conventions.md). `lastTransitionTime` is RFC 3339 and moves with `status` alone."""

    type: Annotated[str, Field(max_length=316)] = Field(description="Name of the condition, in CamelCase.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    observed_generation: int = Field(ge=0, description="Generation of the resource that the condition is about.")
    last_transition_time: Moment = Field(
        description="When status last changed.", json_schema_extra={"format": "date-time"}
    )
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="Why, in CamelCase.",
    )
    message: str = Field(
        json_schema_extra={"maxLength": MESSAGE_LIMIT}, description="What happened, on what, and what to do."
    )


class IdentityStatus(Model):
    name: str | None = Field(None, description="Name of the managed identity.")
    resource_id: IdentityArmId | None = Field(
        None, description="ARM id of the managed identity. It stays, whatever the operator's settings say later."
    )
    client_id: Guid | None = Field(None, description="Client ID. The service accounts are annotated with it.")
    principal_id: Guid | None = Field(None, description="Principal ID. The roles are assigned to it.")
    tenant_id: Guid | None = Field(
        None, description="Entra tenant of the identity. The service accounts are annotated with it."
    )
    origin: Origin | None = Field(None, description="Created by the operator, or Adopted by its policy.")


class FederatedCredentialStatus(Model):
    name: CredentialName = Field(description="Name of the federated identity credential.")
    subject: str = Field(description="Subject of the tokens that it trusts.")


class RoleAssignmentStatus(Model):
    name: GuidOrEmpty = Field(description="GUID of the role assignment; empty until the identity exists.")
    role: str = Field(description="Name of the role.")
    scope: StorageArmId = Field(description="ARM id that the role is assigned at.")
    principal_id: Guid | None = Field(None, description="Principal that the role is assigned to, once it exists.")


class ServiceAccountStatus(Model):
    name: KubeName = Field(description="Name of the service account.")
    management: str = Field(description="Manage or Annotate.")


class StorageStatus(Model):
    """The storage account, as Azure describes it."""

    blob_endpoint: Annotated[BlobEndpoint | None, Lost] = Field(
        None, description="Address of the account's blob endpoint, as the secrets name it."
    )
    shared_key_access: str | None = Field(
        None,
        description="Disabled: nobody reaches the account with an access key. Enabled: whoever has a key does. GitLab needs no "
        "key.",
    )


class SecretsStatus(Model):
    registry: Annotated[KubeName | None, Lost] = Field(None, description="Secret with the registry's storage.")
    object_storage: Annotated[KubeName | None, Lost] = Field(
        None, description="Secret with the consolidated object storage."
    )
    backups: Annotated[KubeName | None, Lost] = Field(None, description="Secret with the toolbox's backup storage.")


class ContainerStatus(Model):
    name: str = Field(description="Name of the blob container.")
    purpose: str = Field(description="What GitLab uses it for.")
    state: str = Field(description="Verified, or why not.")
    existed: bool | None = Field(
        None,
        description="True: the container was seen to exist. If it is missing later, the operator does not create it.",
    )


class MissingStatus(Model):
    kind: str = Field(description="ManagedIdentity, FederatedCredential, RoleAssignment or Container.")
    name: str = Field(description="Its name, the subject that is not trusted, or the role and where it is missing.")
    azure_cli: str = Field(description="The command that adds it.")
    terraform: str = Field(description="The block for hashicorp/azurerm that adds it.")


class LingeringStatus(Model):
    kind: str = Field(description="RoleAssignment, FederatedCredential, Secret, ConfigMap or ServiceAccount.")
    name: str = Field(description="Its name.")
    message: str = Field(description="Why it could not be removed, and what to do.")


class WorkloadStatus(Model):
    component: str = Field(description="Component of GitLab, by the label `app` of its pods.")
    state: str = Field(description="Current, or what is wrong with its pods.")
    message: str | None = Field(None, description="What is wrong, and what mends it.")


class Status(Model):
    observed_generation: int | None = Field(
        None,
        description=f"Generation that the conditions are about. {NEVER_OBSERVED}: no operator has seen the resource yet.",
    )
    last_handled_reconcile_at: str | None = Field(
        None,
        description="Value of gitlabazure.io/requested-at or reconcile.fluxcd.io/requestedAt that was answered last. With both "
        f"annotations it is both values, with a space between. Only its first {HANDLED_LIMIT} characters are kept.",
    )
    conditions: Annotated[list[Condition], Fitting] = Field(
        default_factory=list,
        description="What holds and what does not.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    identity: Annotated[IdentityStatus | None, Lost] = Field(None, description="The managed identity.")
    issuer: str | None = Field(None, description="Issuer of the cluster's service account tokens, to the letter.")
    former_issuers: list[str] = Field(
        default_factory=list,
        description="Former issuers of the cluster. Each stays here until no credential with it is left.",
    )
    federated_credentials: Annotated[list[FederatedCredentialStatus], Fitting] = Field(
        default_factory=list, description="Federated credentials of this resource."
    )
    role_assignments: Annotated[list[RoleAssignmentStatus], Fitting] = Field(
        default_factory=list,
        description="Role assignments of this resource. Each is recorded before it is created and until it is seen deleted.",
    )
    service_accounts: Annotated[list[ServiceAccountStatus], Fitting] = Field(
        default_factory=list,
        description="Service accounts of this resource. Each is recorded before it is written and as long as it is managed.",
    )
    storage: Annotated[StorageStatus | None, Lost] = Field(
        None, description="The storage account, as Azure describes it."
    )
    secrets: SecretsStatus | None = Field(None, description="Names of the secrets.")
    retired_secrets: Annotated[list[KubeName], Fitting] = Field(
        default_factory=list, description="Secrets under former names, until they are deleted."
    )
    values_config_map: Annotated[KubeName | None, Lost] = Field(
        None, description="ConfigMap with the Helm values for the GitLab chart."
    )
    containers: Annotated[list[ContainerStatus], Fitting] = Field(
        default_factory=list, description="Blob containers and their state."
    )
    missing: Annotated[list[MissingStatus], Fitting] = Field(
        default_factory=list,
        description="What somebody else has to add, since management is Observe. Empty when nothing is missing.",
    )
    workloads: Annotated[list[WorkloadStatus], Fitting] = Field(
        default_factory=list, description="Components of GitLab, and whether their pods carry the identity."
    )
    lingering: Annotated[list[LingeringStatus], Fitting] = Field(
        default_factory=list,
        description="What is no longer wanted and could not be removed. Its removal is tried again. Ready does not depend on it.",
    )

    @property
    def secret_names(self) -> list[str]:
        """Every secret that was recorded before its first write and is not known to be deleted."""
        known = self.secrets or SecretsStatus()
        return [name for name in (known.registry, known.object_storage, known.backups, *self.retired_secrets) if name]

    @property
    def recorded(self) -> bool:
        """Whether the status records anything that was to be created."""
        return self.identity is not None or bool(self.service_accounts)

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, or None without one."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
