"""The operator's settings: a file, variables that override it, and every fault reported at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from gitlab_azure_identity.settings import Settings, Unusable, load, written

from .worlds import GROUP, STORAGE, SUBSCRIPTION


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("GAI_")]:
        monkeypatch.delenv(name)


class File:
    """The settings file, as the chart writes it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self._monkeypatch = folder / "settings.yaml", monkeypatch

    def holds(self, text: str = "", **settings: Any) -> None:
        self.path.write_text(text or yaml.safe_dump(settings))
        self._monkeypatch.setenv("GAI_SETTINGS_FILE", str(self.path))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    return File(tmp_path, monkeypatch)


def refused() -> str:
    with pytest.raises(Unusable) as error:
        load()
    return str(error.value)


def test_the_clusters_name_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAI_CLUSTER", "lab")

    settings = load()

    assert (settings.cluster, settings.cloud, settings.policy) == ("lab", "AzurePublic", ())
    assert (settings.resync_interval, settings.stalled_interval, settings.max_backoff) == (3600, 600, 300)
    assert (settings.request_timeout, settings.propagation_limit) == (30, 2400)
    assert (settings.throttle.rates, settings.throttle.identity_burst, settings.throttle.subscription_burst) == (
        "Published",
        2,
        10,
    )


def test_the_file_is_camel_case_as_every_kubernetes_file(file: File) -> None:
    file.holds(
        cluster="lab",
        cloud="AzureChina",
        defaults={"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "storageResourceGroup": "rg-s"},
        resyncInterval=60,
        httpPort=0,
        throttle={"rates": "Unlimited", "identityBurst": 5},
        policy=[
            {
                "namespaces": ["t-*"],
                "identities": {"resourceGroups": [GROUP]},
                "storage": [{"account": f"{STORAGE}/gitlabstore", "roleScopes": ["Account"]}],
            }
        ],
    )

    settings = load()

    assert settings.defaults.storage_resource_group == "rg-s"
    assert (settings.resync_interval, settings.http_port) == (60, 0)
    assert (settings.throttle.rates, settings.throttle.identity_burst) == ("Unlimited", 5)
    assert settings.policy[0].identities.resource_groups == (GROUP,)
    assert settings.policy[0].storage[0].role_scopes == ("Account",)


def test_a_variable_overrides_the_file_field_by_field(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    file.holds(cluster="from-file", defaults={"resourceGroup": "from-file", "location": "westeurope"}, maxBackoff=100)
    monkeypatch.setenv("GAI_CLUSTER", "from-variable")
    monkeypatch.setenv("GAI_DEFAULTS__RESOURCE_GROUP", "from-variable")

    settings = load()

    assert settings.cluster == "from-variable"
    assert settings.defaults.resource_group == "from-variable"
    assert (settings.defaults.location, settings.max_backoff) == ("westeurope", 100)


def test_every_fault_is_reported_at_once(file: File) -> None:
    """Nobody wants to correct a file one error at a time."""
    file.holds(cloud="AzureMars", resyncInterval=1, httpPort=70000, retries=3, defaults={"region": "westeurope"})

    told = refused()

    assert str(file.path) in told
    for field in ("cluster", "cloud", "resyncInterval", "httpPort", "retries", "defaults.region"):
        assert f"\n  {field}: " in told


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({}, "cluster: Field required"),
        ({"cluster": ""}, "cluster: "),
        ({"cluster": "-lab-"}, "cluster: "),
        ({"cluster": "c" * 64}, "cluster: "),
        ({"cluster": "lab", "policy": [{"namespaces": ["x"], "accounts": []}]}, "policy.0.accounts: "),
        ({"cluster": "lab", "policy": [{"storage": []}]}, "policy.0.namespaces: "),
        (
            {"cluster": "lab", "policy": [{"namespaces": ["x"], "identities": {"resourceGroups": ["rg-gitlab"]}}]},
            "policy: Value error, not the ARM id of a resource group: 'rg-gitlab'",
        ),
        (
            {"cluster": "lab", "policy": [{"namespaces": ["x"], "identities": {"resourceGroups": [f"{GROUP}*"]}}]},
            f"policy: Value error, identities.resourceGroups takes no globs: '{GROUP}*'",
        ),
        (
            {"cluster": "lab", "policy": [{"namespaces": ["x"], "identities": {"adopt": [GROUP]}}]},
            f"policy: Value error, not the ARM id of a user-assigned managed identity: '{GROUP}'",
        ),
        (
            {
                "cluster": "lab",
                "policy": [{"namespaces": ["x"], "storage": [{"account": "a", "roleScopes": ["Subscription"]}]}],
            },
            "policy.0.storage.0.roleScopes.0: ",
        ),
    ],
)
def test_settings_that_cannot_be_used(file: File, settings: dict[str, Any], part: str) -> None:
    file.holds(**settings) if settings else file.holds("{}")

    assert part in refused()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("cluster: [", "while parsing"),
        ("- cluster", "not a mapping of settings"),
        ("just words", "not a mapping of settings"),
    ],
)
def test_a_file_that_is_no_mapping(file: File, text: str, part: str) -> None:
    file.holds(text)

    told = refused()
    assert told.startswith(str(file.path))
    assert part in told


def test_a_file_that_is_no_text(file: File) -> None:
    file.holds("{}")
    file.path.write_bytes(b"\xff\xfe")

    assert refused().startswith(f"{file.path}: 'utf-8' codec can't decode")


def test_a_file_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAI_SETTINGS_FILE", "/nowhere/settings.yaml")

    assert "/nowhere/settings.yaml" in refused()


def test_a_variable_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAI_CLUSTER", "lab")
    monkeypatch.setenv("GAI_POLICY", "{")

    assert "policy" in refused()


def fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field.description or ""
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{path}{name}.")


def test_every_setting_is_documented() -> None:
    assert [name for name, description in fields(Settings) if not description.endswith(".")] == []


def test_the_settings_of_another_operator_are_those_of_its_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAI_CLUSTER", "mine")
    monkeypatch.setenv("GAI_CLOUD", "AzureChina")

    settings = written("cluster: theirs\npropagationLimit: 60\n", "config map a/b")

    assert (settings.cluster, settings.cloud, settings.propagation_limit) == ("theirs", "AzurePublic", 60)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "config map a/b: "), ("- a\n", "not a mapping"), ("cluster: ''\nmaxConcurrent: 0\n", "maxConcurrent: ")],
)
def test_a_text_that_cannot_be_used_is_named_with_its_fields(text: str, said: str) -> None:
    with pytest.raises(Unusable, match="config map a/b") as error:
        written(text, "config map a/b")
    assert said in str(error.value)
