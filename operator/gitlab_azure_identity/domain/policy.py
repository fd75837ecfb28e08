"""What resources may ask of the operator. Whatever no rule admits is refused, and the refusal shows the rule to add."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.spec import RoleScope
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import ResourceGroupId
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.doctor.compared import nearest
from gitlab_azure_identity.domain.gitlab.yaml import MISREAD
from gitlab_azure_identity.domain.ownership import Owner


class _Rule(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class IdentityRule(_Rule):
    """The managed identities that may be created or used."""

    resource_groups: tuple[str, ...] = Field(
        (), description="ARM ids of resource groups where identities may be created."
    )
    adopt: tuple[str, ...] = Field((), description="ARM ids of existing identities that may be used.")
    shared_with: tuple[str, ...] = Field(
        (),
        description="Globs of namespaces, and of subjects that are no service accounts, that the identities under adopt may "
        "also trust. They reach the storage too.",
    )


class StorageRule(_Rule):
    """The storage that may be used. Containers narrower than `*` exclude the Account scope, which opens all of them."""

    account: str = Field(description="ARM id of the storage account; globs are allowed.")
    containers: tuple[str, ...] = Field(("*",), description="Globs of container names.")
    role_scopes: tuple[RoleScope, ...] = Field(
        (RoleScope.ACCOUNT, RoleScope.CONTAINER), description="Scopes that may be used."
    )


class PolicyRule(_Rule):
    """What resources in these namespaces may do."""

    namespaces: tuple[str, ...] = Field(description="Globs of namespaces.")
    identities: IdentityRule = Field(IdentityRule(), description="Managed identities.")
    storage: tuple[StorageRule, ...] = Field((), description="Storage accounts and containers.")


@lru_cache(maxsize=1024)
def _pattern(glob: str, *, case: bool) -> re.Pattern[str]:
    return re.compile(translate(glob), 0 if case else re.IGNORECASE)


def matches(globs: Sequence[str], text: str, *, case: bool = True) -> bool:
    """Whether one of the globs matches the whole text."""
    return any(_pattern(glob, case=case).match(text) for glob in globs)


def refusal(policy: Sequence[PolicyRule], desired: Desired) -> str | None:
    """Why the policy does not admit `desired`, and the rule to add. None when it is admitted.

    Different rules may admit the identity and the storage, but only rules that name the namespace count."""
    namespace = desired.owner.namespace
    if (theirs := reserved(desired.owner, desired.identity.name)) and not adoptable(policy, desired):
        return theirs
    rules = [rule for rule in policy if matches(rule.namespaces, namespace)]
    if not rules:
        return _add(
            f"no rule of the operator's policy names namespace {namespace}",
            _opens_storage(desired),
            _whole_rule(desired),
        )
    if not any(_admits_identity(rule.identities, desired) for rule in rules):
        return _add(
            f"no rule of the operator's policy lets namespace {namespace} use managed identity {desired.identity.name} in "
            f"resource group {desired.identity.id.resource_group}",
            _opens_identity(desired),
            f"{{namespaces: [{_quoted(namespace)}], identities: {_identity_rule(desired)}}}",
        )
    if not any(_admits_storage(storage, desired) for rule in rules for storage in rule.storage):
        return _add(
            f"no rule of the operator's policy lets namespace {namespace} use {_storage_words(desired)}{_meant(rules, desired)}",
            _opens_storage(desired),
            f"{{namespaces: [{_quoted(namespace)}], storage: [{_storage_rule(desired)}]}}",
        )
    return None


def _meant(rules: Sequence[PolicyRule], desired: Desired) -> str:
    """The storage account that a rule names, not as a glob, and that was most likely meant. Empty when the account is
    admitted, or none is near."""
    scope = desired.storage.scope
    named = [storage.account for rule in rules for storage in rule.storage]
    if matches(named, str(scope), case=False):
        return ""
    by_name = {account.rpartition("/")[2]: account for account in named if not set(account) & set("*?[")}
    near = nearest(scope.account, list(by_name))
    if near is None:
        return ""
    if near.lower() == scope.account:
        return f". It names {by_name[near]}: if that is meant, correct spec.storage.resourceGroup and subscriptionId"
    return f". It names {near}: if that is meant, set spec.storage.accountName: {near}"


def reserved(owner: Owner, name: str) -> str | None:
    """Why this owner may not use the name of an identity, or None when it may.

    Default names are reserved by their form. Otherwise somebody with a right to one namespace could take the name that a resource
    of another namespace will have, and would get access to that resource's storage."""
    if name.lower() == naming.identity_name(owner.cluster, owner.namespace, owner.name):
        return None
    advice = "Delete this resource, and create it anew with another spec.identity.name."
    if theirs := naming.default_owner(owner.cluster, name):
        namespace, resource = theirs
        if namespace == owner.namespace:
            return None
        return (
            f"Managed identity name {name} is reserved: it is the default name for resource {resource} in namespace "
            f"{namespace}. {advice}"
        )
    if naming.is_hashed(name):
        return (
            f"Managed identity name {name} is reserved: names that end with __ and 16 hexadecimal digits are default "
            f"names. {advice}"
        )
    return None


def adoptable(policy: Sequence[PolicyRule], desired: Desired) -> bool:
    """Whether the identity may be used although the operator did not create it."""
    return any(True for _ in _adopting(policy, desired))


def sharers(policy: Sequence[PolicyRule], desired: Desired) -> tuple[str, ...]:
    """Globs of namespaces that the adopted identity may trust beside the resource's own."""
    return tuple(glob for rule in _adopting(policy, desired) for glob in rule.shared_with)


def _adopting(policy: Sequence[PolicyRule], desired: Desired) -> Iterator[IdentityRule]:
    """The rules that list the identity under adopt, for this namespace."""
    for rule in policy:
        listed = any(desired.identity.id.same_as(identity) for identity in rule.identities.adopt)
        if listed and matches(rule.namespaces, desired.owner.namespace):
            yield rule.identities


def adoption(desired: Desired) -> str:
    """The rule that would let the identity be used although the operator did not create it."""
    return f"{{namespaces: [{_quoted(desired.owner.namespace)}], identities: {{adopt: [{desired.identity.id}]}}}}"


def creatable(policy: Sequence[PolicyRule], desired: Desired) -> bool:
    """Whether the identity may be created at its place and with its name."""
    return reserved(desired.owner, desired.identity.name) is None and any(
        desired.identity.id.group.same_as(group)
        for rule in policy
        if matches(rule.namespaces, desired.owner.namespace)
        for group in rule.identities.resource_groups
    )


def identity_groups(policy: Sequence[PolicyRule], namespace: str) -> Iterator[ResourceGroupId]:
    """The resource groups where identities of this namespace may be."""
    for rule in policy:
        if matches(rule.namespaces, namespace):
            yield from map(ResourceGroupId.parse, rule.identities.resource_groups)


def _admits_identity(rule: IdentityRule, desired: Desired) -> bool:
    return any(desired.identity.id.group.same_as(group) for group in rule.resource_groups) or any(
        desired.identity.id.same_as(identity) for identity in rule.adopt
    )


def _admits_storage(rule: StorageRule, desired: Desired) -> bool:
    storage = desired.storage
    if not matches([rule.account], str(storage.scope), case=False) or storage.role_scope not in rule.role_scopes:
        return False
    if storage.role_scope is RoleScope.ACCOUNT and "*" not in rule.containers:
        return False
    return all(matches(rule.containers, container) for container in storage.containers.values())


def _storage_words(desired: Desired) -> str:
    storage = desired.storage
    words = f"storage account {storage.account} at {storage.role_scope} scope"
    if storage.role_scope is RoleScope.CONTAINER:
        words += f" with containers {', '.join(storage.containers.values())}"
    return words


def _opens_storage(desired: Desired) -> str:
    """The words for what the shown rule opens, and to whom."""
    storage, namespace = desired.storage, desired.owner.namespace
    which = "every container" if storage.role_scope is RoleScope.ACCOUNT else "these containers"
    return f"let namespace {namespace} read, write and delete in {which} of storage account {storage.account}"


def _opens_identity(desired: Desired) -> str:
    """The words for what the shown rule of an identity opens, and to whom."""
    namespace = desired.owner.namespace
    if Link.IDENTITY in desired.unmanaged:
        return f"let service accounts of namespace {namespace} have every right that it has"
    return f"let namespace {namespace} have managed identities created there"


def _storage_rule(desired: Desired) -> str:
    storage = desired.storage
    narrow = storage.role_scope is RoleScope.CONTAINER
    containers = ", ".join(map(_quoted, storage.containers.values())) if narrow else '"*"'
    return f"{{account: {storage.scope}, containers: [{containers}], roleScopes: [{storage.role_scope}]}}"


def _identity_rule(desired: Desired) -> str:
    """An identity that is only observed is somebody else's."""
    if Link.IDENTITY in desired.unmanaged:
        return f"{{adopt: [{desired.identity.id}]}}"
    return f"{{resourceGroups: [{desired.identity.id.group}]}}"


def _whole_rule(desired: Desired) -> str:
    return (
        f"{{namespaces: [{_quoted(desired.owner.namespace)}], identities: {_identity_rule(desired)}, "
        f"storage: [{_storage_rule(desired)}]}}"
    )


def _quoted(name: str) -> str:
    """The name, in quotes when a reader of YAML could take it for a number or a boolean. `08912`, `1e5` and `on` are valid names
    of namespaces and containers, and people copy the rule."""
    return name if name[:1].isalpha() and name not in MISREAD else f"'{name}'"


def _add(why: str, opens: str, rule: str) -> str:
    """A refusal with the rule that would admit the resource, and with what that rule opens. People copy the rule."""
    return f"{why[0].upper()}{why[1:]}. To {opens}, add to `policy` in the operator's settings: {rule}"
