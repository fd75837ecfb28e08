"""`spec`: what a person asks for. Only `storage.accountName` is required."""

from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from gitlab_azure_identity.api.schema import (
    ContainerName,
    GoDuration,
    Guid,
    IdentityName,
    Location,
    Model,
    ObjectName,
    ResourceGroupName,
    SecretKey,
    StorageAccountName,
    rule,
    rules,
)

MAX_SERVICE_ACCOUNTS = 20  # federated identity credentials of one managed identity (Microsoft Learn, Entra docs)
RESERVED_TAG_PREFIX = "gitlabazure"


class RoleScope(StrEnum):
    """Where the data role is assigned."""

    ACCOUNT = "Account"
    CONTAINER = "Container"


class ContainerManagement(StrEnum):
    """What is done about a container."""

    OBSERVE = "Observe"
    DISABLED = "Disabled"


class ServiceAccountManagement(StrEnum):
    """Who owns a service account: the operator (Manage) or somebody else, such as Helm (Annotate)."""

    MANAGE = "Manage"
    ANNOTATE = "Annotate"


class SecretManagement(StrEnum):
    """Whether the operator writes a secret."""

    MANAGE = "Manage"
    DISABLED = "Disabled"


class Verification(StrEnum):
    """What proven access counts for."""

    REQUIRED = "Required"
    REPORT = "Report"
    DISABLED = "Disabled"


class DeletionPolicy(StrEnum):
    """What deleting the resource does to what it made."""

    DELETE = "Delete"
    RETAIN = "Retain"


TagKey = Annotated[str, Field(max_length=512)]
TagValue = Annotated[str, Field(max_length=256)]


class AzureSpec(Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!has(self.tags) || self.tags.all(key, !key.lowerAscii().startsWith('{RESERVED_TAG_PREFIX}'))",
                f"tags whose key begins with {RESERVED_TAG_PREFIX} belong to the operator: choose another key",
                ".tags",
            )
        )
    )

    subscription_id: Guid | None = Field(
        None, description="Subscription of the managed identity. Default: the operator's setting. Immutable."
    )
    resource_group: ResourceGroupName | None = Field(
        None,
        description="Resource group of the managed identity; it must exist. Default: the operator's setting. Immutable.",
    )
    location: Location | None = Field(
        None,
        description="Azure region of the managed identity, such as westeurope. Default: the operator's setting. Immutable.",
    )
    tags: dict[TagKey, TagValue] = Field(
        default_factory=dict,
        max_length=40,
        description="Tags merged into those of the managed identity. Tags set by others are kept.",
    )


class IdentitySpec(Model):
    name: IdentityName | None = Field(
        None,
        description="Name of the user-assigned managed identity. Default: <cluster>-<namespace>-<name>, made valid. Immutable. "
        "An identity that exists already is used only when the operator's policy lists it under adopt.",
    )


class Container(Model):
    name: ContainerName = Field(description="Name of the blob container.")
    management: ContainerManagement = Field(
        ContainerManagement.OBSERVE,
        description="Observe: the container must exist, and access to it is granted and verified. "
        "Disabled: not granted, not verified, not in the Helm values.",
    )

    @property
    def enabled(self) -> bool:
        return self.management is not ContainerManagement.DISABLED


# Purpose to the name that the GitLab chart gives its container (chart 9.9.1, values.yaml). The API server fills it in.
CHART_NAMES = {
    "registry": "registry",
    "artifacts": "gitlab-artifacts",
    "lfs": "git-lfs",
    "uploads": "gitlab-uploads",
    "packages": "gitlab-packages",
    "backups": "gitlab-backups",
    "tmp": "tmp",
    "externalDiffs": "gitlab-mr-diffs",
    "terraformState": "gitlab-terraform-state",
    "ciSecureFiles": "gitlab-ci-secure-files",
    "dependencyProxy": "gitlab-dependency-proxy",
    "pages": "gitlab-pages",
}


def _by_default(purpose: str) -> Container:
    return Container(name=CHART_NAMES[purpose])


# A CEL list of the enabled containers' names. A purpose that is absent or disabled is given a name that no container can
# have, so that the list needs no filtering.
_CONTAINER_NAMES = (
    "["
    + ", ".join(
        f"has(self.{purpose}) && self.{purpose}.management != 'Disabled' ? self.{purpose}.name : '!{purpose}'"
        for purpose in CHART_NAMES
    )
    + "]"
)


def _containers_differ() -> str:
    """No name may stand twice among those of the enabled containers."""
    return f"{_CONTAINER_NAMES}.all(name, {_CONTAINER_NAMES}.exists_one(other, other == name))"


def _container_named_twice() -> str:
    """The message of that rule, as CEL: it names the container."""
    twice = f"{_CONTAINER_NAMES}.filter(name, !{_CONTAINER_NAMES}.exists_one(other, other == name))[0]"
    return f"'container ' + {twice} + ' is named for two purposes: give each purpose a container of its own'"


class Containers(Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                _containers_differ(),
                "give each purpose a container of its own: two of them name the same one",
                message_expression=_container_named_twice(),
            )
        )
    )

    registry: Container = Field(_by_default("registry"), description="Container registry images.")
    artifacts: Container = Field(_by_default("artifacts"), description="CI job artifacts.")
    lfs: Container = Field(_by_default("lfs"), description="Git LFS objects.")
    uploads: Container = Field(_by_default("uploads"), description="User uploads.")
    packages: Container = Field(_by_default("packages"), description="Package registry.")
    backups: Container = Field(_by_default("backups"), description="Backups made by the toolbox.")
    tmp: Container = Field(_by_default("tmp"), description="The toolbox's scratch space while it restores a backup.")
    external_diffs: Container | None = Field(None, description="Merge request diffs. Used only when named.")
    terraform_state: Container | None = Field(None, description="Terraform state. Used only when named.")
    ci_secure_files: Container | None = Field(None, description="CI secure files. Used only when named.")
    dependency_proxy: Container | None = Field(None, description="Dependency proxy. Used only when named.")
    pages: Container | None = Field(None, description="GitLab Pages. Used only when named.")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Fill in the chart's names, as the API server does from the schema."""
        if not isinstance(given, dict):
            return given
        return {
            purpose: {"name": CHART_NAMES.get(purpose), **container} if isinstance(container, dict) else container
            for purpose, container in given.items()
        }

    def enabled(self) -> dict[str, str]:
        """Purpose to container name, of those in use, in the order of the schema."""
        found: dict[str, str] = {}
        for field in type(self).model_fields:
            container: Container | None = getattr(self, field)
            if container is not None and container.enabled:
                found[to_camel(field)] = container.name
        return found


class StorageSpec(Model):
    account_name: StorageAccountName = Field(description="Name of the storage account. It must exist.")
    resource_group: ResourceGroupName | None = Field(
        None,
        description="Resource group of the storage account. Default: the operator's setting, else that of the identity.",
    )
    subscription_id: Guid | None = Field(
        None, description="Subscription of the storage account. Default: that of the identity."
    )
    role_scope: RoleScope = Field(
        RoleScope.ACCOUNT,
        description="Account: Storage Blob Data Contributor on the storage account. Container: on each container, and "
        "Storage Blob Delegator on the account, which signed URLs need.",
    )
    containers: Containers = Field(Containers(), description="Purpose to blob container.")


class ServiceAccountSpec(Model):
    name: ObjectName = Field(description="Name of the service account, in the namespace of this resource.")
    management: ServiceAccountManagement = Field(
        ServiceAccountManagement.MANAGE,
        description="Manage: the operator makes and owns the service account. Annotate: it exists (Helm's), and only the "
        "client ID annotation is applied to it.",
    )


LogEvent = Literal["request", "response", "responseError", "retry", "longRunningOperation"]


class RegistryParameters(Model):
    """What may be tuned of the registry's azure_v2 driver. Nothing in it can carry a key, another account or a URL.

    Meaning and bounds: container registry v4.39.0, registry/storage/driver/azure/v2/parser.go."""

    root_directory: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        pattern=r"^[A-Za-z0-9/._-]+$",
        description="Folder in the container that holds all.",
    )
    legacy_root_prefix: bool | None = Field(None, description="Use the leading slash that old registries wrote.")
    trim_legacy_root_prefix: bool | None = Field(
        None, description="Do not use the leading slash that old registries wrote."
    )
    max_retries: int | None = Field(
        None, ge=0, le=1000, description="Retries of one request. The driver's default is 3."
    )
    retry_try_timeout: GoDuration | None = Field(None, description="Time-out of one try, such as 30s. Default: none.")
    retry_delay: GoDuration | None = Field(None, description="First delay between tries, such as 4s.")
    max_retry_delay: GoDuration | None = Field(None, description="Longest delay between tries, such as 60s.")
    debug_log: bool | None = Field(None, description="Log the storage requests of the driver.")
    debug_log_events: list[LogEvent] | None = Field(
        None,
        min_length=1,
        max_length=5,
        description="Which events to log, when debugLog is on.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.legacyRootPrefix) || !has(self.trimLegacyRootPrefix) "
                "|| self.legacyRootPrefix != self.trimLegacyRootPrefix",
                "legacyRootPrefix and trimLegacyRootPrefix must not be equal, or the registry does not start: set one of them",
            )
        )
    )


def _secret_name(default: str) -> ObjectName | None:
    field: ObjectName | None = Field(None, description=f"Name of the secret. Default: <name>-{default}.")
    return field


class SecretSpec(Model):
    name: ObjectName | None = None
    management: SecretManagement = Field(
        SecretManagement.MANAGE, description="Manage: written and kept by the operator. Disabled: not written."
    )

    @property
    def enabled(self) -> bool:
        return self.management is not SecretManagement.DISABLED


class RegistrySecretSpec(SecretSpec):
    name: ObjectName | None = _secret_name("registry-storage")
    key: SecretKey = Field("config", description="Key in the secret: the chart's registry.storage.key.")
    parameters: RegistryParameters = Field(
        RegistryParameters(), description="Further parameters of the registry's driver."
    )


class ObjectStorageSecretSpec(SecretSpec):
    name: ObjectName | None = _secret_name("object-storage")
    key: SecretKey = Field("connection", description="Key in the secret: the chart's object_store.connection.key.")


class BackupsSecretSpec(SecretSpec):
    name: ObjectName | None = _secret_name("azure-backup-conf")
    key: SecretKey = Field("config", description="Key in the secret: the chart's backups.objectStorage.config.key.")


class SecretsSpec(Model):
    registry: RegistrySecretSpec = Field(RegistrySecretSpec(), description="Storage of the container registry.")
    object_storage: ObjectStorageSecretSpec = Field(
        ObjectStorageSecretSpec(), description="Consolidated object storage of Rails, Workhorse and Sidekiq."
    )
    backups: BackupsSecretSpec = Field(BackupsSecretSpec(), description="Backups made by the toolbox.")


def _immutable(path: str, what: str) -> dict[str, str]:
    """Neither set, changed nor removed once the resource exists: each would move the identity."""
    parent, _, _ = path.partition(".")
    return rule(
        f"has(self.{path}) == has(oldSelf.{path}) && (!has(self.{path}) || self.{path} == oldSelf.{path})",
        f"spec.{path} cannot be set, changed or removed after creation, since {what}: "
        "put the old value back, or delete the resource and create it anew",
        f".{parent}",
    )


class Spec(Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            _immutable("azure.subscriptionId", "a managed identity cannot move to another subscription"),
            _immutable("azure.resourceGroup", "a managed identity cannot move to another resource group"),
            _immutable("azure.location", "a managed identity cannot move to another region"),
            _immutable("identity.name", "a managed identity cannot be renamed"),
        )
    )

    azure: AzureSpec = Field(AzureSpec(), description="Where the managed identity lives.")
    identity: IdentitySpec = Field(IdentitySpec(), description="The managed identity that GitLab's pods become.")
    storage: StorageSpec = Field(description="The storage account and containers that GitLab uses.")
    service_accounts: list[ServiceAccountSpec] = Field(
        default_factory=lambda: [ServiceAccountSpec(name="gitlab")],
        min_length=1,
        max_length=MAX_SERVICE_ACCOUNTS,
        description="Service accounts that may become the identity, each with a federated identity credential of its own.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    secrets: SecretsSpec = Field(SecretsSpec(), description="The three object storage secrets of the GitLab chart.")
    verification: Verification = Field(
        Verification.REQUIRED,
        description="Required: Ready needs proven access. Report: access is checked and shown, but does not hold Ready back. "
        "Disabled: access is not checked.",
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="Delete: what the operator made goes with this resource. Retain: everything stays, in Azure and in the "
        "cluster; only the management ends.",
    )
    suspend: bool = Field(False, description="True stops all work on this resource, except its deletion.")


def _effective(secret: str, default: str) -> str:
    path = f"self.spec.secrets.{secret}"
    return f"(has({path}.name) ? {path}.name : self.metadata.name + '-{default}') + '/' + {path}.key"


def _registry_apart() -> str:
    registry = _effective("registry", "registry-storage")
    others = (("objectStorage", "object-storage"), ("backups", "azure-backup-conf"))
    return " && ".join(
        chain(
            f"(self.spec.secrets.registry.management == 'Disabled' || self.spec.secrets.{other}.management == 'Disabled' "
            f"|| {registry} != {_effective(other, default)})"
            for other, default in others
        )
    )


ROOT_RULES = (
    rule(
        "size(self.metadata.name) <= 63",
        "metadata.name may have at most 63 characters, since it becomes a label value: choose a shorter one",
    ),
    rule(
        _registry_apart(),
        "secrets.registry must not share both name and key with another secret, since its content differs: "
        "give it another name or another key",
        ".spec.secrets",
    ),
)
