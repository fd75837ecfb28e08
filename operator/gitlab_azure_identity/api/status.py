"""`status`: what the operator found and did. Written by the operator alone, but read as anybody may have written it.

What names a thing in Azure or in the cluster must have the form of such a name before a request is made of it. An entry that
does not have it counts as lost, and the rest of the status is kept. The API server checks none of this: a status that the
operator writes is never refused because of its form."""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, WrapValidator

from gitlab_azure_identity.api.schema import Model

# In characters. Longer texts are cut where a status is written.
MESSAGE_LIMIT = 32768
HANDLED_LIMIT = 256


def _shaped(what: str, pattern: str) -> AfterValidator:
    """A check of the whole text, ignoring case as Azure does."""
    form = re.compile(pattern, re.IGNORECASE)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"not {what}")
        return text

    return AfterValidator(check)


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a moment has a time zone")
    return text


def _or_lost(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The value; None where it does not fit."""
    try:
        return handler(value)
    except ValidationError:
        return None


def _entries_that_fit(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The list, without the entries that do not fit; empty where it is none."""
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
CredentialName = Annotated[str, _shaped("the name of a federated credential", r"[a-z0-9][a-z0-9_-]{2,119}")]
KubeName = Annotated[str, _shaped("the name of an object", r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")]
Moment = Annotated[str, AfterValidator(_moment)]


class Origin(StrEnum):
    """How the managed identity came to be used. Only a created one is ever deleted."""

    CREATED = "Created"
    ADOPTED = "Adopted"


class Condition(Model):
    """A Kubernetes condition (api-conventions.md). `lastTransitionTime` is RFC 3339 and moves with `status` alone."""

    type: Annotated[str, Field(max_length=316)] = Field(description="Name of the condition, in CamelCase.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    observed_generation: int = Field(ge=0, description="Generation of the resource that this was judged on.")
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
        None, description="ARM id of the managed identity. Pins it, whatever settings say later."
    )
    client_id: Guid | None = Field(None, description="Client ID: what the service accounts are annotated with.")
    principal_id: Guid | None = Field(None, description="Principal ID: what the roles are assigned to.")
    tenant_id: Guid | None = Field(None, description="Entra tenant of the identity.")
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


class Status(Model):
    observed_generation: int | None = Field(None, description="Generation that the conditions speak of.")
    last_handled_reconcile_at: str | None = Field(
        None,
        description="Value of the requested-at annotation that was answered last; with gitlabazure.io/requested-at and "
        f"reconcile.fluxcd.io/requestedAt both there, the two with a blank between. Its first {HANDLED_LIMIT} characters.",
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
        description="Issuers that the cluster had before, until no credential of theirs is left.",
    )
    federated_credentials: Annotated[list[FederatedCredentialStatus], Fitting] = Field(
        default_factory=list, description="Credentials that stand for this resource."
    )
    role_assignments: Annotated[list[RoleAssignmentStatus], Fitting] = Field(
        default_factory=list,
        description="Role assignments of this resource, recorded before they are made and until they are seen to be gone.",
    )
    service_accounts: Annotated[list[ServiceAccountStatus], Fitting] = Field(
        default_factory=list,
        description="Service accounts of this resource, recorded before they are touched and until they are let go.",
    )
    secrets: SecretsStatus | None = Field(None, description="Names of the secrets.")
    retired_secrets: Annotated[list[KubeName], Fitting] = Field(
        default_factory=list, description="Secrets under earlier names, until they are removed."
    )
    values_config_map: Annotated[KubeName | None, Lost] = Field(
        None, description="ConfigMap with the Helm values for the GitLab chart."
    )
    containers: Annotated[list[ContainerStatus], Fitting] = Field(
        default_factory=list, description="Blob containers and their state."
    )

    @property
    def secret_names(self) -> list[str]:
        """Every secret that was ever about to be written and is not known to be deleted."""
        known = self.secrets or SecretsStatus()
        return [name for name in (known.registry, known.object_storage, known.backups, *self.retired_secrets) if name]

    @property
    def recorded(self) -> bool:
        """Whether anything was ever about to be made, by what is on record."""
        return self.identity is not None or bool(self.service_accounts)

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, or None when it was never set."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
