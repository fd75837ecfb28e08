"""`status`: what the operator found and did. Written by the operator alone."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gitlab_azure_identity.api.schema import Model

# In characters. Longer texts are cut where a status is written.
MESSAGE_LIMIT = 32768
HANDLED_LIMIT = 256


class Origin(StrEnum):
    """How the managed identity came to be used. Only a created one is ever deleted."""

    CREATED = "Created"
    ADOPTED = "Adopted"


class Condition(Model):
    """A Kubernetes condition (api-conventions.md). `lastTransitionTime` is RFC 3339 and moves with `status` alone."""

    type: Annotated[str, Field(max_length=316)] = Field(description="Name of the condition, in CamelCase.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    observed_generation: int = Field(ge=0, description="Generation of the resource that this was judged on.")
    last_transition_time: str = Field(
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
    resource_id: str | None = Field(
        None, description="ARM id of the managed identity. Pins it, whatever settings say later."
    )
    client_id: str | None = Field(None, description="Client ID: what the service accounts are annotated with.")
    principal_id: str | None = Field(None, description="Principal ID: what the roles are assigned to.")
    tenant_id: str | None = Field(None, description="Entra tenant of the identity.")
    origin: Origin | None = Field(None, description="Created by the operator, or Adopted by its policy.")


class FederatedCredentialStatus(Model):
    name: str = Field(description="Name of the federated identity credential.")
    subject: str = Field(description="Subject of the tokens that it trusts.")


class RoleAssignmentStatus(Model):
    name: str = Field(description="GUID of the role assignment; empty until the identity exists.")
    role: str = Field(description="Name of the role.")
    scope: str = Field(description="ARM id that the role is assigned at.")
    principal_id: str | None = Field(None, description="Principal that the role is assigned to, once it exists.")


class ServiceAccountStatus(Model):
    name: str = Field(description="Name of the service account.")
    management: str = Field(description="Manage or Annotate.")


class SecretsStatus(Model):
    registry: str | None = Field(None, description="Secret with the registry's storage.")
    object_storage: str | None = Field(None, description="Secret with the consolidated object storage.")
    backups: str | None = Field(None, description="Secret with the toolbox's backup storage.")


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
    conditions: list[Condition] = Field(
        default_factory=list,
        description="What holds and what does not.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    identity: IdentityStatus | None = Field(None, description="The managed identity.")
    issuer: str | None = Field(None, description="Issuer of the cluster's service account tokens, to the letter.")
    former_issuers: list[str] = Field(
        default_factory=list,
        description="Issuers that the cluster had before, until no credential of theirs is left.",
    )
    federated_credentials: list[FederatedCredentialStatus] = Field(
        default_factory=list, description="Credentials that stand for this resource."
    )
    role_assignments: list[RoleAssignmentStatus] = Field(
        default_factory=list,
        description="Role assignments of this resource, recorded before they are made and until they are seen to be gone.",
    )
    service_accounts: list[ServiceAccountStatus] = Field(
        default_factory=list,
        description="Service accounts of this resource, recorded before they are touched and until they are let go.",
    )
    secrets: SecretsStatus | None = Field(None, description="Names of the secrets.")
    retired_secrets: list[str] = Field(
        default_factory=list, description="Secrets under earlier names, until they are removed."
    )
    values_config_map: str | None = Field(None, description="ConfigMap with the Helm values for the GitLab chart.")
    containers: list[ContainerStatus] = Field(default_factory=list, description="Blob containers and their state.")

    @property
    def recorded(self) -> bool:
        """Whether anything was ever about to be made, by what is on record."""
        return self.identity is not None or bool(self.service_accounts)

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, or None when it was never set."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
