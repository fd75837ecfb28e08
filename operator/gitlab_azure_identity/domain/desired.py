"""What must exist, in Azure and in the cluster: the spec with every default filled in. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.containers import OBJECT_STORAGE
from gitlab_azure_identity.api.gitlab import Features, GitLabSpec
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.secrets import SecretSpec
from gitlab_azure_identity.api.spec import (
    Management,
    RoleScope,
    ServiceAccountManagement,
    Spec,
    Verification,
)
from gitlab_azure_identity.api.status import ZONE_DOMAIN
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import IdentityId, StorageScope
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.gitlab.releases import GitLabRelease
from gitlab_azure_identity.domain.gitlab.secrets import backup_secret, object_storage_secret, registry_secret
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import gitlab_values, runner_values
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR, Role


class Defaults(BaseModel):
    """Where identities and storage are when a resource does not say it. A part of the operator's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: str | None = Field(None, description="Subscription of managed identities and storage accounts.")
    resource_group: str | None = Field(None, description="Resource group of managed identities.")
    location: str | None = Field(None, description="Region of managed identities.")
    storage_resource_group: str | None = Field(
        None, description="Resource group of storage accounts, when it is another."
    )


@dataclass(frozen=True)
class WantedIdentity:
    """The managed identity: its place and its tags."""

    id: IdentityId
    location: str
    tags: Mapping[str, str]  # those of the spec; ours are added when the identity is created

    @property
    def name(self) -> str:
        return self.id.name


@dataclass(frozen=True)
class WantedStorage:
    """The storage account and the containers that GitLab uses."""

    scope: StorageScope  # the account
    role_scope: RoleScope
    containers: Mapping[str, str]  # purpose to container name
    blob_host: str  # of its blob endpoint, such as gitlabstore.blob.core.windows.net
    created: frozenset[str] = frozenset()  # names of the containers that are created where they are missing

    @property
    def account(self) -> str:
        return self.scope.account

    @property
    def domain(self) -> str:
        """GitLab's `azure_storage_domain`: the host of the blob endpoint without the account's name."""
        return self.blob_host.removeprefix(f"{self.account}.")


@dataclass(frozen=True)
class Credential:
    """A federated identity credential: it says whose tokens the identity trusts. Entra compares issuer, subject and audience to
    the letter."""

    name: str
    issuer: str
    subject: str
    audience: str

    @property
    def trusts(self) -> str:
        """Whom it trusts, as policy names it: a namespace, or else the whole subject."""
        return naming.namespace_of(self.subject) or self.subject


@dataclass(frozen=True)
class Grant:
    """A role at a scope, for the identity's principal."""

    role: Role
    scope: StorageScope


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
    use: Use  # what the Helm values are made from
    gitlab: GitLabSpec = field(default=GitLabSpec())
    pin_differs: IdentityId | None = field(default=None)  # the place by the settings, when the pin is another
    unmanaged: frozenset[Link] = frozenset()  # links that somebody else manages: they are checked and never written

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
            return (Grant(STORAGE_BLOB_DATA_CONTRIBUTOR, storage.scope),)
        return (
            # Signed URLs need a user delegation key. Only a role at the account, or above it, may ask for one (Microsoft Learn,
            # "Create a user delegation SAS").
            Grant(STORAGE_BLOB_DELEGATOR, storage.scope),
            *(
                Grant(STORAGE_BLOB_DATA_CONTRIBUTOR, storage.scope.at(container))
                for container in storage.containers.values()
            ),
        )


class Unresolved(Exception):
    """The desired state cannot be resolved. The message says what to correct."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def desire(
    resource: Resource,
    *,
    cluster: str,
    cloud: Cloud,
    issuer: str,
    defaults: Defaults,
    pin: IdentityId | None = None,
    blob_host: str | None = None,
) -> Desired:
    """Fill in every default. `pin` is the place where the identity was found. Without it the status may name the place.
    `blob_host` is the host of the storage account's blob endpoint. Without it the status may name the host.

    Raises Unresolved when the spec cannot be read, or when a value is set nowhere."""
    spec, key = resource.spec, resource.key
    if spec is None:
        message = (
            f"The spec does not fit this operator's schema: {resource.unreadable}. Correct these fields and apply the resource "
            "again. Upgrade the CRD if it is older than the operator."
        )
        raise Unresolved(Reason.INVALID_SPEC, message)
    owner = Owner(cluster, key.namespace, key.name)
    identity, differs = _identity(spec, owner, defaults, pin or _pinned(resource))
    storage_group = spec.storage.resource_group or defaults.storage_resource_group or identity.id.resource_group
    storage_subscription = spec.storage.subscription_id or identity.id.subscription
    account = spec.storage.account_name
    storage = WantedStorage(
        scope=StorageScope(storage_subscription, storage_group, account),
        role_scope=spec.storage.role_scope,
        containers=spec.storage.containers_in_use(),
        created=spec.storage.containers.created(),
        blob_host=blob_host or known_host(resource, account, cloud),
    )
    secret_names = _secret_names(spec, key.name)
    values, use = naming.values_config_map(key.name), use_of(spec, key.name, storage.domain)
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
        objects=(
            *_secrets(spec, secret_names, storage),
            WantedObject("ConfigMap", values, _values(use)),
        ),
        secret_names=secret_names,
        values_config_map=values,
        verification=spec.verification,
        use=use,
        gitlab=spec.gitlab,
        pin_differs=differs,
        unmanaged=_unmanaged(spec),
    )


def _unmanaged(spec: Spec) -> frozenset[Link]:
    """The links whose management is Observe. Whoever writes the federated credentials of an identity decides who may become it,
    so they belong to the management of the identity."""
    links = set[Link]()
    if spec.identity.management is Management.OBSERVE:
        links |= {Link.IDENTITY, Link.CREDENTIALS}
    if spec.role_assignments.management is Management.OBSERVE:
        links.add(Link.ROLES)
    return frozenset(links)


def _pinned(resource: Resource) -> IdentityId | None:
    """The place of the identity by the status. An identity that was not created yet has no place."""
    known = resource.status.identity
    return IdentityId.parse(known.resource_id) if known and known.resource_id and known.principal_id else None


def known_host(resource: Resource, account: str, cloud: Cloud) -> str:
    """The host of the account's blob endpoint: by the status, if it is in a DNS zone. Any other host follows from the cloud.

    The status may be about a former account. And anybody who may write it can name a host: GitLab, and a token of the identity,
    must only go to one that has the account's name and belongs to Azure."""
    known = resource.status.storage
    host = urlsplit(known.blob_endpoint or "").hostname if known else None
    return host if host and re.fullmatch(rf"{account}\.{ZONE_DOMAIN}", host) else f"{account}.{cloud.blob_domain}"


def _identity(
    spec: Spec, owner: Owner, defaults: Defaults, pin: IdentityId | None
) -> tuple[WantedIdentity, IdentityId | None]:
    """The identity at its place, and the place by the settings when the pin is another."""
    azure, tags = spec.azure, _distinct(spec.azure.tags)
    name = spec.identity.name or naming.identity_name(owner.cluster, owner.namespace, owner.name)
    subscription = azure.subscription_id or defaults.subscription_id
    group = azure.resource_group or defaults.resource_group
    location = azure.location or defaults.location or ""
    if pin:
        resolved = IdentityId(subscription or pin.subscription, group or pin.resource_group, name)
        return WantedIdentity(pin, location, tags), None if pin.same_as(resolved) else resolved
    place = IdentityId(_given(subscription, "azure.subscriptionId"), _given(group, "azure.resourceGroup"), name)
    if spec.identity.management is Management.MANAGE:  # whoever else creates it chooses the region
        location = _given(location, "azure.location")
    return WantedIdentity(place, location, tags), None


def _distinct(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags whose keys are distinct to Azure. Of two keys that Azure takes for one, the first in order counts. The API server
    refuses such keys, but it only knows the case of ASCII letters."""
    first: dict[str, str] = {}
    for key in sorted(tags):
        first.setdefault(naming.tag_key(key), key)
    return {key: tags[key] for key in first.values()}


def _given(value: str | None, path: str) -> str:
    if value:
        return value
    message = (
        f"spec.{path} is not set and the operator has no default for it: set it in the resource, "
        f"or defaults.{path.partition('.')[2]} in the operator's settings."
    )
    raise Unresolved(Reason.NOT_CONFIGURED, message)


def _entries(spec: Spec) -> dict[str, SecretSpec]:
    """The entries of spec.secrets that are written, and of which the resource serves a purpose."""
    storage = spec.storage
    secrets = {
        # Without a container the registry's secret would have none to name.
        "registry": spec.secrets.registry if "registry" in storage.containers_in_use() else None,
        "objectStorage": spec.secrets.object_storage if storage.serves(*OBJECT_STORAGE) else None,
        "backups": spec.secrets.backups if storage.serves("backups", "tmp") else None,
    }
    return {entry: secret for entry, secret in secrets.items() if secret and secret.enabled}


def _secret_names(spec: Spec, resource: str) -> dict[str, str]:
    defaults = naming.secret_names(resource)
    return {entry: secret.name or defaults[entry] for entry, secret in _entries(spec).items()}


def _secrets(spec: Spec, names: Mapping[str, str], storage: WantedStorage) -> tuple[WantedObject, ...]:
    """The secrets. Entries that share a name become keys of one secret.

    When objectStorage and backups share name and key, the text of objectStorage serves both. It has the keys that the backup
    tool reads, and the provider, which that tool ignores."""
    secrets, data = spec.secrets, dict[str, dict[str, str]]()
    if "backups" in names:
        text = backup_secret(storage.account, storage.domain)
        data.setdefault(names["backups"], {})[secrets.backups.key] = text
    if "objectStorage" in names:
        text = object_storage_secret(storage.account, storage.domain)
        data.setdefault(names["objectStorage"], {})[secrets.object_storage.key] = text
    if "registry" in names:
        parameters = secrets.registry.parameters.model_dump(by_alias=True, exclude_none=True)
        container = storage.containers["registry"]
        text = registry_secret(storage.account, container, storage.domain, parameters)
        data.setdefault(names["registry"], {})[secrets.registry.key] = text
    return tuple(WantedObject("Secret", name, keys) for name, keys in data.items())


def _values(use: Use) -> dict[str, str]:
    """The Helm values, by their key in the config map."""
    of_runner = runner_values(use)
    return {"values.yaml": gitlab_values(use)} | ({"gitlab-runner-values.yaml": of_runner} if of_runner else {})


def use_of(spec: Spec, resource: str, domain: str) -> Use:
    """What the GitLab of a resource of that name uses of the storage. `domain` is the host of the blob endpoint without the
    account's name. The use follows from it and the spec alone, so the Helm values are the same before and after the identity
    exists."""
    names = _secret_names(spec, resource)
    storage, secrets, gitlab = spec.storage, spec.secrets, spec.gitlab

    def reference(entry: str, key: str) -> tuple[str, str] | None:
        return (names[entry], key) if entry in names else None

    return Use(
        # A service account that Helm creates must stay Helm's: naming it here would switch its creation off.
        service_accounts=[
            account.name for account in spec.service_accounts if account.management is ServiceAccountManagement.MANAGE
        ],
        account=storage.account_name,
        domain=domain,
        containers=storage.containers_in_use(),
        disabled=frozenset(filter(storage.serves, storage.containers.disabled())),
        purposes=None if storage.purposes is None else frozenset(storage.purposes),
        registry_secret=reference("registry", secrets.registry.key),
        object_storage_secret=reference("objectStorage", secrets.object_storage.key),
        backup_secret=reference("backups", secrets.backups.key),
        registry_parameters=frozenset(secrets.registry.parameters.model_dump(by_alias=True, exclude_none=True)),
        follow=gitlab.features is Features.FOLLOW,
        release=GitLabRelease.parse(gitlab.version) if gitlab.version else None,
    )
