"""The typed spec: the same defaults and limits as the definition that the API server checks."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from gitlab_azure_identity.api.crd import structural
from gitlab_azure_identity.api.resource import NO_ACCOUNT, Resource
from gitlab_azure_identity.api.spec import DeletionPolicy, RoleScope, Spec, Verification

from .worlds import body, resource

VALIDATOR = Draft202012Validator(structural(Spec))
GUID = "11111111-2222-3333-4444-555555555555"
CHARTS_SEVEN = {
    "registry": "registry",
    "artifacts": "gitlab-artifacts",
    "lfs": "git-lfs",
    "uploads": "gitlab-uploads",
    "packages": "gitlab-packages",
    "backups": "gitlab-backups",
    "tmp": "tmp",
}


def test_the_account_name_is_enough() -> None:
    spec = Spec.model_validate({"storage": {"accountName": "gitlabstore"}})

    assert spec.storage.role_scope is RoleScope.ACCOUNT
    assert spec.storage.containers.enabled() == CHARTS_SEVEN
    assert [account.name for account in spec.service_accounts] == ["gitlab"]
    assert (spec.verification, spec.deletion_policy) == (Verification.REQUIRED, DeletionPolicy.DELETE)
    assert not spec.suspend
    assert (spec.secrets.registry.key, spec.secrets.object_storage.key, spec.secrets.backups.key) == (
        "config",
        "connection",
        "config",
    )


@pytest.mark.parametrize(
    ("containers", "enabled"),
    [
        ({}, CHARTS_SEVEN),
        ({"lfs": {"name": "lfs-objects"}}, {**CHARTS_SEVEN, "lfs": "lfs-objects"}),
        ({"tmp": {"management": "Disabled"}}, {k: v for k, v in CHARTS_SEVEN.items() if k != "tmp"}),
        # The other five are used only when the resource names them, or their purpose.
        ({"pages": {}}, {**CHARTS_SEVEN, "pages": "gitlab-pages"}),
        ({"ciSecureFiles": {"name": "secure"}}, {**CHARTS_SEVEN, "ciSecureFiles": "secure"}),
        ({"terraformState": {"management": "Disabled"}}, CHARTS_SEVEN),
        # These have no name in the chart, so the resource gives them one.
        ({"gitalyBackups": {"name": "repos"}}, {**CHARTS_SEVEN, "gitalyBackups": "repos"}),
        ({"gitalyBundles": {"name": "bundles", "management": "Disabled"}}, CHARTS_SEVEN),
        ({"runnerCache": {"name": "cache"}}, {**CHARTS_SEVEN, "runnerCache": "cache"}),
    ],
)
def test_containers_in_use(containers: dict[str, Any], enabled: dict[str, str]) -> None:
    spec = resource({"storage": {"accountName": "gitlabstore", "containers": containers}}).spec

    assert spec is not None
    assert spec.storage.containers.enabled() == enabled


@pytest.mark.parametrize(
    ("purposes", "in_use"),
    [
        (None, [*CHARTS_SEVEN, "runnerCache"]),
        (["runnerCache"], ["runnerCache"]),
        (["runnerCache", "lfs", "tmp"], ["lfs", "runnerCache"]),
    ],
)
def test_a_resource_serves_the_purposes_that_it_lists(purposes: list[str] | None, in_use: list[str]) -> None:
    containers = {"tmp": {"management": "Disabled"} if purposes else {}, "runnerCache": {"name": "cache"}}
    listed = {"purposes": purposes} if purposes else {}
    spec = resource(storage(containers=containers, **listed)).spec

    assert spec is not None
    assert list(spec.storage.containers_in_use()) == in_use


def storage(**fields: Any) -> dict[str, Any]:
    return {"storage": {"accountName": "gitlabstore", **fields}}


def azure(**fields: Any) -> dict[str, Any]:
    return storage() | {"azure": fields}


def parameters(**fields: Any) -> dict[str, Any]:
    return storage() | {"secrets": {"registry": {"parameters": fields}}}


def key(text: str) -> dict[str, Any]:
    return storage() | {"secrets": {"backups": {"key": text}}}


def accounts(*names: str) -> dict[str, Any]:
    return storage() | {"serviceAccounts": [{"name": name} for name in names]}


@pytest.mark.parametrize(
    "spec",
    [
        storage(),
        {"storage": {"accountName": "1e5"}},
        {"storage": {"accountName": "a" * 24}},
        storage(resourceGroup="rg_(1).x", subscriptionId=GUID, roleScope="Container"),
        storage(containers={"lfs": {"name": "a-1"}}),
        azure(subscriptionId=GUID.upper(), resourceGroup="r" * 90, location="westeurope", tags={"team": "x"}),
        azure(tags={f"t{n}": "x" for n in range(40)}),
        storage() | {"identity": {"name": "Git_lab-1"}},
        accounts(*(f"sa-{n}" for n in range(20))),
        accounts("a.b-c.d"),
        parameters(maxRetries=0),
        parameters(maxRetries=1000, retryDelay="4s", maxRetryDelay="1m30s", retryTryTimeout="1.5h"),
        parameters(rootDirectory="/a/b_c.d-e", debugLog=True, debugLogEvents=["request", "retry"]),
        *map(key, ("a", "-", "_", "a.b", "a..b", ".so-is-this", ".a.", "THIS_IS_17", "k" * 253)),
        storage() | {"verification": "Report", "deletionPolicy": "Retain", "suspend": True},
    ],
)
def test_definition_and_model_both_accept(spec: dict[str, Any]) -> None:
    assert not list(VALIDATOR.iter_errors(spec))
    Spec.model_validate(spec)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"storage": {}},
        {"storage": {"accountName": "ab"}},
        {"storage": {"accountName": "a" * 25}},
        {"storage": {"accountName": "GitLabStore"}},
        {"storage": {"accountName": "git-lab"}},
        storage(roleScope="Subscription"),
        storage(subscriptionId="not-a-guid"),
        storage(resourceGroup="ends."),
        storage(resourceGroup="r" * 91),
        storage(containers={"lfs": {"name": "a--b"}}),
        storage(containers={"lfs": {"name": "Upper"}}),
        storage(containers={"lfs": {"name": "ab"}}),
        storage(containers={"lfs": {"name": "a" * 64}}),
        storage(containers={"lfs": {"management": "Own"}}),
        azure(tags={f"t{n}": "x" for n in range(41)}),
        azure(tags={"t": "x" * 257}),
        azure(location=""),
        storage() | {"identity": {"name": "-x-"}},
        storage() | {"identity": {"name": "x" * 129}},
        accounts(),
        accounts(*(f"sa-{n}" for n in range(21))),
        accounts("Upper"),
        accounts("a..b"),
        storage() | {"serviceAccounts": [{"name": "gitlab", "management": "Ignore"}]},
        *map(key, ("", ".", "..", "..bad", "...", "a/b", "b*d", "k" * 254)),
        storage() | {"secrets": {"backups": {"management": "Observe"}}},
        parameters(maxRetries=-1),
        parameters(maxRetries=1001),
        parameters(rootDirectory="a b"),
        parameters(debugLogEvents=[]),
        parameters(debugLogEvents=["everything"]),
        storage() | {"verification": "Perhaps"},
        storage() | {"deletionPolicy": "Keep"},
    ],
)
def test_definition_and_model_both_refuse(spec: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(spec))
    with pytest.raises(ValidationError):
        Spec.model_validate(spec)


def test_an_object_that_does_not_fit_names_each_field() -> None:
    """A former definition may have admitted it: nothing is done for it, and the status says what to correct."""
    bad = Resource.parse(body({"storage": {"accountName": "X"}, "verification": "Perhaps"}))

    assert bad.spec is None
    assert "spec.storage.accountName: " in bad.unreadable
    assert "spec.verification: " in bad.unreadable


@pytest.mark.parametrize("containers", ["registry", ["registry"], 7])
def test_containers_that_are_no_mapping_are_named_as_the_fault(containers: object) -> None:
    bad = Resource.parse(body({"storage": {"accountName": "gitlabstore", "containers": containers}}))

    assert bad.spec is None
    assert "spec.storage.containers: " in bad.unreadable


@pytest.mark.parametrize(
    ("spec", "policy", "suspend", "verification"),
    [
        # one bad field changes no lever
        ({"deletionPolicy": "Retain", "suspend": True, "verification": "Disabled"}, "Retain", True, "Disabled"),
        ({"deletionPolicy": "Delete"}, "Delete", False, "Required"),
        ({}, "Delete", False, "Required"),
        # a lever that cannot be read gets the value that removes nothing
        ({"deletionPolicy": "retain", "suspend": "perhaps", "verification": "Never"}, "Retain", True, "Required"),
    ],
)
def test_a_spec_that_cannot_be_read_keeps_its_levers(
    spec: dict[str, Any], policy: str, suspend: bool, verification: str
) -> None:
    legible = Resource.parse(body({"storage": {"accountName": "X"}, **spec})).legible

    assert (legible.deletion_policy, legible.suspend, legible.verification) == (policy, suspend, verification)
    assert legible.storage.account_name == NO_ACCOUNT


@pytest.mark.parametrize(
    ("identity", "management"),
    [
        ({"name": "-", "management": "Observe"}, "Observe"),
        ({"name": "-", "management": "Manage"}, "Manage"),
        ({"name": "-"}, "Manage"),
        ({"management": "Perhaps"}, "Observe"),
        ("mine", "Observe"),
    ],
)
def test_an_identity_that_cannot_be_read_is_only_deleted_where_it_is_managed(identity: Any, management: str) -> None:
    legible = Resource.parse(body({"identity": identity, "roleAssignments": {"management": "?"}})).legible

    assert legible.identity.management == management
    assert legible.role_assignments.management == "Observe"


def test_the_legible_fields_of_a_spec_are_read() -> None:
    bad = Resource.parse(body({"identity": {"name": "own-name"}, "serviceAccounts": "gitlab"}))

    assert bad.legible.identity.name == "own-name"
    assert bad.legible.storage.account_name == "gitlabstore"
    assert [account.name for account in bad.legible.service_accounts] == ["gitlab"]


def test_a_spec_that_is_no_object_is_read_as_an_empty_one() -> None:
    whole = body()
    whole["spec"] = "gitlabstore"

    assert Resource.parse(whole).legible.storage.account_name == NO_ACCOUNT


def test_fields_of_a_later_version_are_no_obstacle() -> None:
    later = resource(storage() | {"gitlab": {"release": "gitlab"}}, status={"workloads": []})

    assert later.spec == resource(storage()).spec


@pytest.mark.parametrize(
    ("annotations", "asked"),
    [
        ({}, None),
        ({"gitlabazure.io/requested-at": "now"}, "now"),
        ({"reconcile.fluxcd.io/requestedAt": "then"}, "then"),
        ({"gitlabazure.io/requested-at": "now", "reconcile.fluxcd.io/requestedAt": "then"}, "now then"),
    ],
)
def test_the_value_of_a_request(annotations: dict[str, str], asked: str | None) -> None:
    assert resource(annotations=annotations).requested_at == asked


@pytest.mark.parametrize(
    ("finalizers", "held"),
    [
        (("gitlabazure.io/finalizer",), True),
        (("other.io/finalizer", "gitlabazure.io/finalizer"), True),
        ((), False),
        (("other.io/finalizer",), False),
    ],
)
def test_only_our_own_finalizer_counts(finalizers: tuple[str, ...], held: bool) -> None:
    assert Resource.parse(body(finalizers=finalizers)).has_finalizer is held
