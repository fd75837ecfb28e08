"""`spec`: what a person asks for. Only `storage.accountName` is required."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, WithJsonSchema

from gitlab_azure_identity.api.containers import PURPOSES, STORAGE_RULES, Containers, Purpose, creates_containers
from gitlab_azure_identity.api.gitlab import GitLabSpec
from gitlab_azure_identity.api.schema import (
    Guid,
    IdentityName,
    Location,
    Model,
    ObjectName,
    ResourceGroupName,
    StorageAccountName,
    rule,
    rules,
)
from gitlab_azure_identity.api.secrets import SECRET_SUFFIXES, SecretsSpec

MAX_SERVICE_ACCOUNTS = 20  # federated identity credentials of one managed identity (Microsoft Learn, Entra docs)
RESERVED_TAG_PREFIX = "gitlabazure"


class RoleScope(StrEnum):
    """Where the data role is assigned."""

    ACCOUNT = "Account"
    CONTAINER = "Container"


class Management(StrEnum):
    """Whether the operator writes something in Azure, or only checks what somebody else writes."""

    MANAGE = "Manage"
    OBSERVE = "Observe"


class ServiceAccountManagement(StrEnum):
    """Who owns a service account: the operator (Manage) or somebody else, such as Helm (Annotate)."""

    MANAGE = "Manage"
    ANNOTATE = "Annotate"


class Verification(StrEnum):
    """Whether access is checked, and whether Ready needs it."""

    REQUIRED = "Required"
    REPORT = "Report"
    DISABLED = "Disabled"


class DeletionPolicy(StrEnum):
    """What happens to the objects of a resource when it is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


# Microsoft Learn, "Use tags to organize your Azure resources", limitations. Azure refuses control characters too
# (InvalidTagNameCharacters), except in the hidden- tags of its own services.
TAG_KEY = r"^[^<>%&\\?/\x00-\x1f\x7f]{1,512}$"
# A structural schema cannot constrain keys: the API server checks them by CEL.
TagKey = Annotated[str, Field(pattern=TAG_KEY), WithJsonSchema({"type": "string"})]
TagValue = Annotated[str, Field(max_length=256)]


def _tags_differ() -> str:
    """CEL: no two keys differ in case alone. The outer list gives the inner one a name, as in `containers.py`."""
    return "[self.tags.map(key, key.lowerAscii())].all(keys, keys.all(key, keys.indexOf(key) == keys.lastIndexOf(key)))"


def _tag_spelled_twice() -> str:
    """The message of that rule, as CEL: it names both keys in their order.

    It walks over the tags and not over a list of their keys. The API server counts the items of such a list as texts without
    bound, which is a hundred times too expensive for it (measured, Kubernetes 1.37)."""
    other = "other, key < other && key.lowerAscii() == other.lowerAscii()"
    twice = f"self.tags.map(key, self.tags.exists({other}), key + ' and ' + self.tags.filter({other})[0])[0]"
    return f"'tags ' + {twice} + ' are one tag to Azure, which ignores the case of keys: keep one of them'"


class AzureSpec(Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!has(self.tags) || self.tags.all(key, !key.lowerAscii().startsWith('{RESERVED_TAG_PREFIX}'))",
                f"tags whose key begins with {RESERVED_TAG_PREFIX} belong to the operator: choose another key",
                ".tags",
            ),
            rule(
                f"!has(self.tags) || self.tags.all(key, key.matches(r'{TAG_KEY}'))",
                "Azure takes tag keys of 1 to 512 characters, without control characters and < > % & \\ ? /: choose another key, "
                "such as app.kubernetes.io-name for app.kubernetes.io/name",
                ".tags",
            ),
            rule(
                f"!has(self.tags) || {_tags_differ()}",
                "tags whose keys differ in case alone are one tag to Azure: keep one of them",
                ".tags",
                message_expression=_tag_spelled_twice(),
            ),
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
        description="Tags merged into those of the managed identity. Tags set by others are kept. Keys have at most 512 "
        "characters, and none of < > % & \\ ? /. Keys that differ in case alone are one key to Azure.",
    )


class IdentitySpec(Model):
    name: IdentityName | None = Field(
        None,
        description="Name of the user-assigned managed identity. Default: <cluster>-<namespace>-<name>, made valid. Immutable. "
        "An identity that exists already is used only when the operator's policy lists it under adopt.",
    )
    management: Management = Field(
        Management.MANAGE,
        description="Manage (default): the operator creates the managed identity and its federated credentials, and deletes "
        "what it created with this resource. Observe: somebody else does, for example with Terraform. The operator only checks "
        "them, and says what is missing and how to add it.",
    )


class RoleAssignmentsSpec(Model):
    management: Management = Field(
        Management.MANAGE,
        description="Manage (default): the operator assigns the roles, and removes its assignments with this resource. "
        "Observe: somebody else does. The operator only checks them, and says what is missing and how to add it.",
    )


class StorageSpec(Model):
    model_config = ConfigDict(json_schema_extra=rules(*STORAGE_RULES))

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
    purposes: list[Purpose] | None = Field(
        None,
        min_length=1,
        max_length=len(PURPOSES),
        description="The purposes that this resource serves. Containers and secrets of any other are ignored, as if they were "
        "Disabled. Default: all in containers. A resource of its own for runners has [runnerCache].",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    containers: Containers = Field(Containers(), description="Purpose to blob container.")

    def serves(self, *purposes: str) -> bool:
        """Whether the resource serves any of these purposes."""
        return self.purposes is None or not set(self.purposes).isdisjoint(purposes)

    def containers_in_use(self) -> dict[str, str]:
        """The names of the containers in use, by purpose, in the order of the schema."""
        return {purpose: name for purpose, name in self.containers.enabled().items() if self.serves(purpose)}


class ServiceAccountSpec(Model):
    name: ObjectName = Field(description="Name of the service account, in the namespace of this resource.")
    management: ServiceAccountManagement = Field(
        ServiceAccountManagement.MANAGE,
        description="Manage (default): the operator creates and owns the service account. Annotate: somebody else, such as "
        "Helm, creates it, and the operator only applies the annotations of client ID and tenant ID.",
    )


def _immutable(path: str, what: str) -> dict[str, str]:
    """A rule against setting, changing or removing a field once the resource exists: each would move the identity."""
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
            rule(
                "self.gitlab.features != 'Follow' || self.storage.containers.uploads.management != 'Disabled'",
                "GitLab has no switch for uploads, so features: Follow cannot switch them off: give uploads a container, or "
                "leave the features to your own values with features: Leave",
                ".gitlab.features",
            ),
            rule(
                f"self.verification != 'Disabled' || !({creates_containers('self.storage')})",
                "with verification: Disabled the operator never logs in as the identity, and cannot create a container: "
                "use verification: Report, or create the containers and set their management to Observe",
                ".storage",
            ),
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
    role_assignments: RoleAssignmentsSpec = Field(
        RoleAssignmentsSpec(), description="The roles of the managed identity at the storage account."
    )
    secrets: SecretsSpec = Field(SecretsSpec(), description="The three object storage secrets of the GitLab chart.")
    gitlab: GitLabSpec = Field(
        GitLabSpec(), description="The GitLab that uses the storage, and whose pods are checked."
    )
    verification: Verification = Field(
        Verification.REQUIRED,
        description="Required: Ready needs proven access. Report: access is checked and shown, but Ready does not need it. "
        "Disabled: access is not checked.",
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="Delete: what the operator created is deleted with this resource. Retain: everything stays, in Azure and "
        "in the cluster; the operator only ceases to manage it.",
    )
    suspend: bool = Field(False, description="True stops all work on this resource, except its deletion.")


def _effective(entry: str) -> str:
    path = f"self.spec.secrets.{entry}"
    return f"(has({path}.name) ? {path}.name : self.metadata.name + '-{SECRET_SUFFIXES[entry]}') + '/' + {path}.key"


def _registry_apart() -> str:
    return " && ".join(
        f"(self.spec.secrets.registry.management == 'Disabled' || self.spec.secrets.{other}.management == 'Disabled' "
        f"|| {_effective('registry')} != {_effective(other)})"
        for other in SECRET_SUFFIXES
        if other != "registry"
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
