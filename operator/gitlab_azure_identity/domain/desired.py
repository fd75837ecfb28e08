"""What must stand, in Azure and in the cluster: the spec with every default filled in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.secrets import SecretSpec
from gitlab_azure_identity.api.spec import (
    RoleScope,
    ServiceAccountManagement,
    Spec,
    Verification,
)
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm import ResourceGroupId, parse_identity_id
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.gitlab.secrets import backup_secret, object_storage_secret, registry_secret
from gitlab_azure_identity.domain.gitlab.values import gitlab_values
from gitlab_azure_identity.domain.naming import STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR, Role
from gitlab_azure_identity.domain.ownership import Owner


class Defaults(BaseModel):
    """Where identities and storage are when a resource does not say: a part of the operator's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: str | None = Field(None, description="Subscription of managed identities and storage accounts.")
    resource_group: str | None = Field(None, description="Resource group of managed identities.")
    location: str | None = Field(None, description="Region of managed identities.")
    storage_resource_group: str | None = Field(
        None, description="Resource group of storage accounts, when it is another."
    )


@dataclass(frozen=True)
class WantedIdentity:
    """The managed identity: where it lives and what it carries."""

    subscription: str
    resource_group: str
    name: str
    location: str
    tags: Mapping[str, str]  # the person's, each key once to Azure; ours are added when it is created

    @property
    def resource_id(self) -> str:
        return naming.identity_id(self.subscription, self.resource_group, self.name)

    @property
    def resource_group_id(self) -> str:
        return str(ResourceGroupId(self.subscription, self.resource_group))


@dataclass(frozen=True)
class WantedStorage:
    """The storage account and the containers that are reached."""

    account: str
    account_id: str
    role_scope: RoleScope
    containers: Mapping[str, str]  # purpose to container name

    def container_id(self, container: str) -> str:
        return naming.container_scope(self.account_id, container)


@dataclass(frozen=True)
class Credential:
    """A federated identity credential: whose tokens the identity trusts. All three are compared to the letter."""

    name: str
    issuer: str
    subject: str
    audience: str

    @property
    def trusts(self) -> str:
        """Whom it trusts, as policy names it: a namespace, else the whole subject."""
        return naming.namespace_of(self.subject) or self.subject


@dataclass(frozen=True)
class Grant:
    """A role at a scope, for the identity's principal."""

    role: Role
    scope: str


@dataclass(frozen=True)
class WantedServiceAccount:
    name: str
    managed: bool


@dataclass(frozen=True)
class WantedObject:
    """A secret or config map: its name and the text under each key."""

    kind: str
    name: str
    data: Mapping[str, str]


@dataclass(frozen=True)
class Desired:
    """Everything wanted for one resource."""

    owner: Owner
    cloud: Cloud
    issuer: str
    identity: WantedIdentity
    storage: WantedStorage
    service_accounts: tuple[WantedServiceAccount, ...]
    objects: tuple[WantedObject, ...]
    secret_names: Mapping[str, str]  # entry (registry, objectStorage, backups) to secret name
    values_config_map: str
    verification: Verification
    pin_differs: str | None = field(default=None)  # the id that settings would resolve to, where the pin says otherwise

    @cached_property
    def credentials(self) -> tuple[Credential, ...]:
        owner = self.owner
        return tuple(
            Credential(
                name=naming.credential_name(self.issuer, owner.namespace, owner.name, account.name),
                issuer=self.issuer,
                subject=naming.subject(owner.namespace, account.name),
                audience=self.cloud.audience,
            )
            for account in self.service_accounts
        )

    @cached_property
    def grants(self) -> tuple[Grant, ...]:
        storage = self.storage
        if storage.role_scope is RoleScope.ACCOUNT:
            return (Grant(STORAGE_BLOB_DATA_CONTRIBUTOR, storage.account_id),)
        return (
            # Signed URLs need a user delegation key, which only a role at the account (or above) may ask for
            # (Microsoft Learn, "Create a user delegation SAS").
            Grant(STORAGE_BLOB_DELEGATOR, storage.account_id),
            *(
                Grant(STORAGE_BLOB_DATA_CONTRIBUTOR, storage.container_id(container))
                for container in storage.containers.values()
            ),
        )


class Unresolved(Exception):
    """A value that neither the resource nor the operator's settings give. The text says where to put it."""


def desire(
    resource: Resource, *, cluster: str, cloud: Cloud, issuer: str, defaults: Defaults, pin: str | None = None
) -> Desired:
    """Fill in every default. `pin` is the ARM id of the identity, where it was found; else the status may tell it.

    Raises Unresolved when a value is given nowhere."""
    spec, key = resource.spec, resource.key
    owner = Owner(cluster, key.namespace, key.name)
    identity, differs = _identity(resource, owner, defaults, pin or _pinned(resource))
    storage_group = spec.storage.resource_group or defaults.storage_resource_group or identity.resource_group
    storage_subscription = spec.storage.subscription_id or identity.subscription
    storage = WantedStorage(
        account=spec.storage.account_name,
        account_id=naming.account_scope(storage_subscription, storage_group, spec.storage.account_name),
        role_scope=spec.storage.role_scope,
        containers=spec.storage.containers.enabled(),
    )
    secret_names = _secret_names(spec, key.name)
    values = naming.values_config_map(key.name)
    return Desired(
        owner=owner,
        cloud=cloud,
        issuer=issuer,
        identity=identity,
        storage=storage,
        service_accounts=tuple(
            WantedServiceAccount(account.name, account.management is ServiceAccountManagement.MANAGE)
            for account in spec.service_accounts
        ),
        objects=(*_secrets(spec, secret_names, storage, cloud), _values(spec, secret_names, storage, values)),
        secret_names=secret_names,
        values_config_map=values,
        verification=spec.verification,
        pin_differs=differs,
    )


def _pinned(resource: Resource) -> str | None:
    """Where the status says that the identity is. One that was only about to be made is not bound to a place yet."""
    known = resource.status.identity
    return known.resource_id if known and known.principal_id else None


def _identity(
    resource: Resource, owner: Owner, defaults: Defaults, pinned: str | None
) -> tuple[WantedIdentity, str | None]:
    """The identity, where it is pinned; and what settings would say instead, if other."""
    azure, key, tags = resource.spec.azure, resource.key, _told_apart(resource.spec.azure.tags)
    name = resource.spec.identity.name or naming.identity_name(owner.cluster, key.namespace, key.name)
    subscription = azure.subscription_id or defaults.subscription_id
    group = azure.resource_group or defaults.resource_group
    location = azure.location or defaults.location or ""
    if pinned:
        pin = parse_identity_id(pinned)
        kept = WantedIdentity(pin.subscription, pin.resource_group, pin.name, location, tags)
        resolved = naming.identity_id(subscription or pin.subscription, group or pin.resource_group, name)
        return kept, None if naming.same_arm_id(pinned, resolved) else resolved
    return (
        WantedIdentity(
            subscription=_given(subscription, "azure.subscriptionId"),
            resource_group=_given(group, "azure.resourceGroup"),
            name=name,
            location=_given(location, "azure.location"),
            tags=tags,
        ),
        None,
    )


def _told_apart(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, without those that Azure cannot tell from another. Of two such keys the one that sorts first counts: the API
    server refuses them, but knows the case of ASCII letters alone."""
    first: dict[str, str] = {}
    for key in sorted(tags):
        first.setdefault(naming.tag_key(key), key)
    return {key: tags[key] for key in first.values()}


def _given(value: str | None, path: str) -> str:
    if value:
        return value
    raise Unresolved(
        f"spec.{path} is not set and the operator has no default for it: set it in the resource, "
        f"or defaults.{path.partition('.')[2]} in the operator's settings"
    )


def _entries(spec: Spec) -> dict[str, SecretSpec]:
    """Entry of spec.secrets to what it says, of those that are written and whose containers are in use."""
    secrets = {
        "registry": spec.secrets.registry,
        "objectStorage": spec.secrets.object_storage,
        "backups": spec.secrets.backups,
    }
    if not spec.storage.containers.registry.enabled:
        del secrets["registry"]  # it would have no container to name
    return {entry: secret for entry, secret in secrets.items() if secret.enabled}


def _secret_names(spec: Spec, resource: str) -> dict[str, str]:
    defaults = naming.secret_names(resource)
    return {entry: secret.name or defaults[entry] for entry, secret in _entries(spec).items()}


def _secrets(spec: Spec, names: Mapping[str, str], storage: WantedStorage, cloud: Cloud) -> tuple[WantedObject, ...]:
    """The secrets, each object once: entries that share a name become keys of one secret.

    Where objectStorage and backups share name and key, the object storage text serves both: it holds the backups' keys
    and the provider, which the backup tool ignores."""
    secrets, data = spec.secrets, dict[str, dict[str, str]]()
    if "backups" in names:
        text = backup_secret(storage.account, cloud.blob_domain)
        data.setdefault(names["backups"], {})[secrets.backups.key] = text
    if "objectStorage" in names:
        text = object_storage_secret(storage.account, cloud.blob_domain)
        data.setdefault(names["objectStorage"], {})[secrets.object_storage.key] = text
    if "registry" in names:
        parameters = secrets.registry.parameters.model_dump(by_alias=True, exclude_none=True)
        container = storage.containers["registry"]
        text = registry_secret(storage.account, container, cloud.registry_realm, parameters)
        data.setdefault(names["registry"], {})[secrets.registry.key] = text
    return tuple(WantedObject("Secret", name, keys) for name, keys in data.items())


def _values(spec: Spec, names: Mapping[str, str], storage: WantedStorage, name: str) -> WantedObject:
    secrets = spec.secrets

    def reference(entry: str, key: str) -> tuple[str, str] | None:
        return (names[entry], key) if entry in names else None

    text = gitlab_values(
        # An account that Helm makes must stay Helm's: naming it here would switch its creation off.
        service_accounts=[
            account.name for account in spec.service_accounts if account.management is ServiceAccountManagement.MANAGE
        ],
        containers=storage.containers,
        registry_secret=reference("registry", secrets.registry.key),
        object_storage_secret=reference("objectStorage", secrets.object_storage.key),
        backup_secret=reference("backups", secrets.backups.key),
    )
    return WantedObject("ConfigMap", name, {"values.yaml": text})
