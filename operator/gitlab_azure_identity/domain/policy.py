"""What resources may ask of the operator. Deny by default: what no rule admits is refused, with the rule that would."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from gitlab_azure_identity.api.spec import RoleScope
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.gitlab.yaml import MISREAD
from gitlab_azure_identity.domain.naming import same_arm_id


class _Rule(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class IdentityRule(_Rule):
    """Which managed identities may be made or used."""

    resource_groups: tuple[str, ...] = Field(
        (), description="ARM ids of resource groups where identities may be created."
    )
    adopt: tuple[str, ...] = Field((), description="ARM ids of existing identities that may be used.")


class StorageRule(_Rule):
    """Which storage may be reached. Containers narrower than `*` exclude the Account scope, which reaches them all."""

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


def _matches(globs: Sequence[str], text: str, *, case: bool = True) -> bool:
    return any(_pattern(glob, case=case).match(text) for glob in globs)


def refusal(policy: Sequence[PolicyRule], desired: Desired) -> str | None:
    """Why the policy does not admit `desired`, and the rule to add; None when it is admitted.

    Each of the three questions (namespace, identity, storage) may be answered by another rule, but only rules that name
    the namespace count."""
    namespace = desired.owner.namespace
    rules = [rule for rule in policy if _matches(rule.namespaces, namespace)]
    if not rules:
        return _add(f"no rule of the operator's policy names namespace {namespace}", _whole_rule(desired))
    if not any(_admits_identity(rule.identities, desired) for rule in rules):
        return _add(
            f"no rule of the operator's policy lets namespace {namespace} use managed identity {desired.identity.name} in "
            f"resource group {desired.identity.resource_group}",
            f"{{namespaces: [{_quoted(namespace)}], identities: {_identity_rule(desired)}}}",
        )
    if not any(_admits_storage(storage, desired) for rule in rules for storage in rule.storage):
        return _add(
            f"no rule of the operator's policy lets namespace {namespace} use {_storage_words(desired)}",
            f"{{namespaces: [{_quoted(namespace)}], storage: [{_storage_rule(desired)}]}}",
        )
    return None


def adoptable(policy: Sequence[PolicyRule], desired: Desired) -> bool:
    """Whether the identity is one that may be used although the operator did not create it."""
    return any(
        same_arm_id(identity, desired.identity.resource_id)
        for rule in policy
        if _matches(rule.namespaces, desired.owner.namespace)
        for identity in rule.identities.adopt
    )


def adoption(desired: Desired) -> str:
    """The rule that would let the identity be used although the operator did not create it."""
    return (
        f"{{namespaces: [{_quoted(desired.owner.namespace)}], identities: {{adopt: [{desired.identity.resource_id}]}}}}"
    )


def creatable(policy: Sequence[PolicyRule], desired: Desired) -> bool:
    """Whether the identity may be created where it is wanted."""
    return any(
        same_arm_id(group, desired.identity.resource_group_id)
        for rule in policy
        if _matches(rule.namespaces, desired.owner.namespace)
        for group in rule.identities.resource_groups
    )


def identity_groups(policy: Sequence[PolicyRule], namespace: str) -> Iterator[str]:
    """ARM ids of the resource groups in which identities of this namespace may live."""
    for rule in policy:
        if _matches(rule.namespaces, namespace):
            yield from rule.identities.resource_groups


def _admits_identity(rule: IdentityRule, desired: Desired) -> bool:
    return any(same_arm_id(group, desired.identity.resource_group_id) for group in rule.resource_groups) or any(
        same_arm_id(identity, desired.identity.resource_id) for identity in rule.adopt
    )


def _admits_storage(rule: StorageRule, desired: Desired) -> bool:
    storage = desired.storage
    if not _matches([rule.account], storage.account_id, case=False) or storage.role_scope not in rule.role_scopes:
        return False
    if storage.role_scope is RoleScope.ACCOUNT and "*" not in rule.containers:
        return False
    return all(_matches(rule.containers, container) for container in storage.containers.values())


def _storage_words(desired: Desired) -> str:
    storage = desired.storage
    words = f"storage account {storage.account} at {storage.role_scope} scope"
    if storage.role_scope is RoleScope.CONTAINER:
        words += f" with containers {', '.join(storage.containers.values())}"
    return words


def _storage_rule(desired: Desired) -> str:
    storage = desired.storage
    narrow = storage.role_scope is RoleScope.CONTAINER
    containers = ", ".join(map(_quoted, storage.containers.values())) if narrow else '"*"'
    return f"{{account: {storage.account_id}, containers: [{containers}], roleScopes: [{storage.role_scope}]}}"


def _identity_rule(desired: Desired) -> str:
    return f"{{resourceGroups: [{desired.identity.resource_group_id}]}}"


def _whole_rule(desired: Desired) -> str:
    return (
        f"{{namespaces: [{_quoted(desired.owner.namespace)}], identities: {_identity_rule(desired)}, "
        f"storage: [{_storage_rule(desired)}]}}"
    )


def _quoted(name: str) -> str:
    """A name that some reader of YAML could take for a number or a boolean, in quotes: `08912`, `1e5` and `on` are
    valid namespaces and containers, and the rule is there to be copied."""
    return name if name[:1].isalpha() and name not in MISREAD else f"'{name}'"


def _add(why: str, rule: str) -> str:
    return f"{why[0].upper()}{why[1:]}. To allow it, add to `policy` in the operator's settings: {rule}"
