"""The policy: deny by default. Every refusal shows the rule that would admit what the resource asks for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gitlab_azure_identity.api.spec import RoleScope
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.gitlab.yaml import MISREAD
from gitlab_azure_identity.domain.policy import (
    PolicyRule,
    adoptable,
    adoption,
    creatable,
    identity_groups,
    refusal,
    reserved,
    sharers,
)

from .worlds import GROUP, STORAGE, desired_of, resource, wanted

STORE = f"{STORAGE}/gitlabstore"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab-gitlab-gitlab"
CONTAINER: dict[str, Any] = {"roleScope": "Container", "containers": {"registry": {"name": "prod-registry"}}}


def rule(
    *,
    namespaces: list[str] | None = None,
    groups: list[str] | None = None,
    adopt: list[str] | None = None,
    account: str = STORE,
    **storage: Any,
) -> PolicyRule:
    """A rule in the file's spelling. Without arguments it admits the plain resource of these tests."""
    return PolicyRule.model_validate(
        {
            "namespaces": namespaces or ["gitlab"],
            "identities": {"resourceGroups": [GROUP] if groups is None else groups, "adopt": adopt or []},
            "storage": [{"account": account, **storage}],
        }
    )


def gitlab(namespace: str = "gitlab", **storage: Any) -> Desired:
    return wanted({"storage": {"accountName": "gitlabstore", **storage}}, namespace=namespace)


@pytest.mark.parametrize(
    ("policy", "desired"),
    [
        ([rule()], gitlab()),
        ([rule()], gitlab(**CONTAINER)),
        # globs of namespaces, accounts and containers
        ([rule(namespaces=["git*"])], gitlab()),
        ([rule(namespaces=["other", "*"])], gitlab()),
        ([rule(account=f"{STORAGE}/git*")], gitlab()),
        ([rule(containers=["prod-*", "git*", "tmp"])], gitlab(**CONTAINER)),
        # ARM ids in any case: Azure answers resourcegroups whatever was sent
        ([rule(groups=[GROUP.lower()], account=STORE.upper())], gitlab()),
        # an identity that may be used is as good as one that may be created
        ([rule(groups=[], adopt=[IDENTITY])], gitlab()),
        # different rules of the namespace may admit identity and storage
        ([rule(account=f"{STORAGE}/other"), rule(groups=[])], gitlab()),
        ([rule(roleScopes=["Container"]), rule(roleScopes=["Account"])], gitlab()),
    ],
)
def test_admitted(policy: list[PolicyRule], desired: Desired) -> None:
    assert refusal(policy, desired) is None


@pytest.mark.parametrize(
    ("policy", "desired", "why"),
    [
        ([], gitlab(), "No rule of the operator's policy names namespace gitlab."),
        ([rule(namespaces=["git"])], gitlab(), "No rule of the operator's policy names namespace gitlab."),
        ([rule(namespaces=["*-lab"])], gitlab(), "No rule of the operator's policy names namespace gitlab."),
        # a rule of one namespace admits nothing in another
        ([rule(namespaces=["gitlab"])], gitlab("evil"), "No rule of the operator's policy names namespace evil."),
        (
            [rule(groups=[f"{GROUP}-2"])],
            gitlab(),
            (
                "No rule of the operator's policy lets namespace gitlab use managed identity lab-gitlab-gitlab in resource "
                "group rg-gitlab."
            ),
        ),
        (
            [rule(groups=[], adopt=[f"{IDENTITY}-2"])],
            gitlab(),
            (
                "No rule of the operator's policy lets namespace gitlab use managed identity lab-gitlab-gitlab in resource "
                "group rg-gitlab."
            ),
        ),
        (
            [rule(groups=[]), rule(namespaces=["other"])],
            gitlab(),
            (
                "No rule of the operator's policy lets namespace gitlab use managed identity lab-gitlab-gitlab in resource "
                "group rg-gitlab."
            ),
        ),
        (
            [rule(account=f"{STORAGE}/otherstore")],
            gitlab(),
            "No rule of the operator's policy lets namespace gitlab use storage account gitlabstore at Account scope.",
        ),
        (
            [rule(roleScopes=["Container"])],
            gitlab(),
            "No rule of the operator's policy lets namespace gitlab use storage account gitlabstore at Account scope.",
        ),
        # Account scope opens every container: a rule for some containers does not admit it
        (
            [rule(containers=["gitlab-*", "registry", "git-lfs", "tmp"])],
            gitlab(),
            "No rule of the operator's policy lets namespace gitlab use storage account gitlabstore at Account scope.",
        ),
        # one container that no rule admits is enough for a refusal
        (
            [rule(containers=["gitlab-*", "registry", "git-lfs"])],
            gitlab(roleScope="Container"),
            (
                "No rule of the operator's policy lets namespace gitlab use storage account gitlabstore at Container scope "
                "with containers registry, gitlab-artifacts, git-lfs, gitlab-uploads, gitlab-packages, gitlab-backups, tmp."
            ),
        ),
        # case counts in container names, and globs match the whole name
        (
            [rule(containers=["prod", "git*", "tmp"])],
            gitlab(**CONTAINER),
            (
                "No rule of the operator's policy lets namespace gitlab use storage account gitlabstore at Container scope "
                "with containers prod-registry, gitlab-artifacts, git-lfs, gitlab-uploads, gitlab-packages, gitlab-backups, "
                "tmp."
            ),
        ),
    ],
)
def test_refused(policy: list[PolicyRule], desired: Desired, why: str) -> None:
    message = refusal(policy, desired)

    assert message is not None
    assert message.partition(" To let namespace ")[0] == why


@pytest.mark.parametrize(
    ("policy", "desired", "opens"),
    [
        ([], gitlab(), "read, write and delete in every container of storage account gitlabstore"),
        (
            [rule(account=f"{STORAGE}/other")],
            gitlab(**CONTAINER),
            "read, write and delete in these containers of storage account gitlabstore",
        ),
        ([rule(groups=[])], gitlab(), "have managed identities created there"),
    ],
)
def test_a_refusal_says_what_the_rule_that_it_shows_would_open(
    policy: list[PolicyRule], desired: Desired, opens: str
) -> None:
    message = refusal(policy, desired)

    assert message is not None
    assert (
        f". To let namespace gitlab {opens}, add to `policy` in the operator's settings: {{namespaces: [gitlab]"
        in message
    )


@pytest.mark.parametrize(
    ("account", "named", "meant"),
    [
        (
            "gitlabstroe",
            STORE,
            "It names gitlabstore: if that is meant, set spec.storage.accountName: gitlabstore. To ",
        ),
        ("gitlabstore", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/gitlabStore", None),
        ("elsewhere", STORE, ""),
        ("gitlabstroe", f"{STORAGE}/gitlabst*re", ""),
    ],
)
def test_a_misspelt_storage_account_is_told_with_the_one_that_a_rule_names(
    account: str, named: str, meant: str | None
) -> None:
    said = refusal([rule(account=named)], gitlab(accountName=account)) or ""

    if meant is None:
        meant = f"It names {named}: if that is meant, correct spec.storage.resourceGroup and subscriptionId. To "
    assert meant in said
    assert ("if that is meant" in said) == bool(meant)


def test_somebody_elses_identity_is_used_by_a_rule_that_names_it() -> None:
    """Reading it lets GitLab's pods log in as it, so a rule has to say so. The rule that is shown lets nobody create one."""
    observed = wanted({"identity": {"management": "Observe"}})

    message = refusal([rule(groups=[])], observed)

    assert message is not None
    assert message.endswith(
        ". To let service accounts of namespace gitlab have every right that it has, add to `policy` in the operator's settings: "
        f"{{namespaces: [gitlab], identities: {{adopt: [{IDENTITY}]}}}}"
    )
    shown = PolicyRule.model_validate(yaml.safe_load(message.partition("settings: ")[2]))
    assert refusal([rule(groups=[]), shown], observed) is None
    assert not creatable([rule(groups=[]), shown], observed)


FULL = rule()
ONLY_IDENTITY = PolicyRule.model_validate({"namespaces": ["*"], "identities": {"resourceGroups": [GROUP]}})
ONLY_STORAGE = PolicyRule.model_validate({"namespaces": ["*"], "storage": [{"account": f"{STORAGE}/*"}]})


@pytest.mark.parametrize("namespace", ["gitlab", "t-1", "1e5", "0x10", "08912", "123", "on", "null", "y", "0o17"])
@pytest.mark.parametrize("scope", list(RoleScope))
@pytest.mark.parametrize("policy", [[], [ONLY_IDENTITY], [ONLY_STORAGE]], ids=["empty", "no storage", "no identity"])
def test_the_rule_that_a_refusal_shows_admits_the_resource(
    namespace: str, scope: RoleScope, policy: list[PolicyRule]
) -> None:
    """It is copied into the settings as it is. Namespaces and containers may have names that YAML takes for numbers."""
    odd = {"registry": {"name": "1e5"}, "lfs": {"name": "08912"}, "tmp": {"name": "123456"}, "uploads": {"name": "yes"}}
    account = "0o17" if policy != [ONLY_STORAGE] else "1e5"
    desired = wanted({"storage": {"accountName": account, "roleScope": scope, "containers": odd}}, namespace=namespace)

    message = refusal(policy, desired)
    assert message is not None
    shown = message.partition("settings: ")[2]

    assert refusal([*policy, PolicyRule.model_validate(yaml.safe_load(shown))], desired) is None


@pytest.mark.parametrize(
    ("rules", "may_create", "may_adopt"),
    [
        ([], False, False),
        ([rule()], True, False),
        ([rule(groups=[], adopt=[IDENTITY])], False, True),
        ([rule(groups=[GROUP.upper()], adopt=[IDENTITY.lower()])], True, True),
        ([rule(namespaces=["other"], adopt=[IDENTITY])], False, False),
        ([rule(groups=[f"{GROUP}2"], adopt=[f"{IDENTITY}2"])], False, False),
    ],
)
def test_creating_and_using_an_identity_are_two_permissions(
    rules: list[PolicyRule], may_create: bool, may_adopt: bool
) -> None:
    assert (creatable(rules, gitlab()), adoptable(rules, gitlab())) == (may_create, may_adopt)


def test_identities_are_looked_for_where_policy_admits_them() -> None:
    rules = [rule(groups=["/subscriptions/s/resourceGroups/a"]), rule(namespaces=["x"]), rule()]

    assert [str(group) for group in identity_groups(rules, "gitlab")] == ["/subscriptions/s/resourceGroups/a", GROUP]


def test_the_defaults_of_a_rule() -> None:
    short = PolicyRule.model_validate({"namespaces": ["*"], "storage": [{"account": STORE}]})

    assert short.storage[0].containers == ("*",)
    assert short.storage[0].role_scopes == (RoleScope.ACCOUNT, RoleScope.CONTAINER)
    assert short.identities.resource_groups == ()


@pytest.mark.parametrize("namespace", ["gitlab", "08912"])
def test_the_rule_that_adopts_an_identity_does_no_more(namespace: str) -> None:
    desired = gitlab(namespace)

    lent = PolicyRule.model_validate(yaml.safe_load(adoption(desired)))

    assert adoptable([lent], desired)
    assert not creatable([lent], desired)
    assert not adoptable([lent], gitlab("other"))


@pytest.mark.parametrize("namespace", sorted(MISREAD))
def test_a_name_that_some_reader_of_yaml_takes_for_something_else_is_quoted(namespace: str) -> None:
    assert f"namespaces: ['{namespace}']" in adoption(gitlab(namespace))


def named(identity: str, namespace: str = "evil", cluster: str = "lab") -> Desired:
    """What a resource `mine` wants that sets the name of its identity."""
    one = resource({"identity": {"name": identity}}, namespace=namespace, name="mine")
    return desired_of(one, cluster=cluster)


NEWONE = (
    "Managed identity name {} is reserved: it is the default name for resource {} in namespace {}. Delete this resource, and "
    "create it anew with another spec.identity.name."
)


@pytest.mark.parametrize(
    ("desired", "why"),
    [
        # the default name of a possible resource of another namespace, in every form of a default name
        (named("lab-gitlab-newone"), NEWONE.format("lab-gitlab-newone", "newone", "gitlab")),
        (named("LAB-Gitlab-newone"), NEWONE.format("LAB-Gitlab-newone", "newone", "gitlab")),
        (named("lab_git-lab_new-one"), NEWONE.format("lab_git-lab_new-one", "new-one", "git-lab")),
        (
            named("aks-prod_gitlab_newone", cluster="aks-prod"),
            NEWONE.format("aks-prod_gitlab_newone", "newone", "gitlab"),
        ),
        (
            named("lab-gitlab-git-lab__5c518fb5dd53a2ba"),
            (
                "Managed identity name lab-gitlab-git-lab__5c518fb5dd53a2ba is reserved: names that end with __ and 16 "
                "hexadecimal "
                "digits are default names. Delete this resource, and create it anew with another spec.identity.name."
            ),
        ),
        # its own name, and that of a resource in its own namespace
        (named("lab-evil-mine"), None),
        (named("lab-evil-other"), None),
        # names that only look like default names
        (named("lab-gitlab"), None),
        (named("lab-git-lab-newone"), None),
        (named("lab_gitlab_newone"), None),
        (named("other-gitlab-newone"), None),
        (named("gitlab-prod"), None),
    ],
)
def test_the_default_name_of_another_namespaces_resource_is_reserved(desired: Desired, why: str | None) -> None:
    policy = [rule(namespaces=["*"])]

    assert reserved(desired.owner, desired.identity.name) == why
    assert refusal(policy, desired) == why
    assert creatable(policy, desired) is (why is None)


def test_a_reserved_name_may_be_adopted_by_a_rule() -> None:
    """The administrator then named this very identity. It is still checked whom the identity trusts."""
    desired = named("lab-gitlab-newone")
    policy = [rule(namespaces=["evil"], adopt=[str(desired.identity.id)])]

    assert refusal(policy, desired) is None
    assert not creatable(policy, desired)


def test_the_rule_that_adopts_an_identity_says_whom_it_may_trust() -> None:
    policy = [
        rule(adopt=[IDENTITY]),
        PolicyRule.model_validate(
            {"namespaces": ["gitlab"], "identities": {"adopt": [IDENTITY.upper()], "sharedWith": ["runners", "ci-*"]}}
        ),
        PolicyRule.model_validate(
            {"namespaces": ["gitlab"], "identities": {"adopt": [f"{IDENTITY}-2"], "sharedWith": ["else"]}}
        ),
        PolicyRule.model_validate({"namespaces": ["x"], "identities": {"adopt": [IDENTITY], "sharedWith": ["y"]}}),
    ]

    assert sharers(policy, gitlab()) == ("runners", "ci-*")
