"""The Helm values: golden bytes, what is left out, and which component gets which service account."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from ruamel.yaml import YAML

from gitlab_azure_identity.api.containers import CHART_NAMES, PURPOSES
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.gitlab.own_values import own_values
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import gitlab_values

DEFAULTS = {
    "registry": "registry",
    "artifacts": "gitlab-artifacts",
    "lfs": "git-lfs",
    "uploads": "gitlab-uploads",
    "packages": "gitlab-packages",
    "backups": "gitlab-backups",
    "tmp": "tmp",
}
OPTIONAL = {
    "externalDiffs": "gitlab-mr-diffs",
    "terraformState": "gitlab-terraform-state",
    "ciSecureFiles": "gitlab-ci-secure-files",
    "dependencyProxy": "gitlab-dependency-proxy",
    "pages": "gitlab-pages",
}
LABELLED = {"podLabels": {"azure.workload.identity/use": "true"}}

NOTHING: dict[str, Any] = {"registry_secret": None, "object_storage_secret": None, "backup_secret": None}
URL = "azblob://{}?storage_account=gitlabstore&domain=blob.core.windows.net"

RESOURCE: dict[str, Any] = {
    "service_accounts": ["gitlab"],
    "account": "gitlabstore",
    "domain": "blob.core.windows.net",
    "containers": DEFAULTS,
    "registry_secret": ("gitlab-registry-storage", "config"),
    "object_storage_secret": ("gitlab-object-storage", "connection"),
    "backup_secret": ("gitlab-azure-backup-conf", "config"),
}

MINIMAL = """\
global:
  minio:
    enabled: false
  serviceAccount:
    enabled: true
    create: false
    name: 'gitlab'
  registry:
    bucket: 'registry'
  appConfig:
    object_store:
      enabled: true
      proxy_download: true
      connection:
        secret: 'gitlab-object-storage'
        key: 'connection'
    artifacts:
      bucket: 'gitlab-artifacts'
    lfs:
      bucket: 'git-lfs'
    uploads:
      bucket: 'gitlab-uploads'
    packages:
      bucket: 'gitlab-packages'
    backups:
      bucket: 'gitlab-backups'
      tmpBucket: 'tmp'
registry:
  podLabels:
    azure.workload.identity/use: 'true'
  storage:
    secret: 'gitlab-registry-storage'
    key: 'config'
gitlab:
  webservice:
    podLabels:
      azure.workload.identity/use: 'true'
  sidekiq:
    podLabels:
      azure.workload.identity/use: 'true'
  toolbox:
    podLabels:
      azure.workload.identity/use: 'true'
    backups:
      objectStorage:
        backend: azure
        config:
          secret: 'gitlab-azure-backup-conf'
          key: 'config'
"""


RUNNER_ALONE = """\
gitlab-runner:
  podLabels:
    azure.workload.identity/use: 'true'
  serviceAccount:
    create: false
    name: 'gitlab'
  automountServiceAccountToken: true
  extraEnv:
    CACHE_TYPE: azure
    CACHE_AZURE_ACCOUNT_NAME: 'gitlabstore'
    CACHE_AZURE_CONTAINER_NAME: 'runner-cache'
    CACHE_AZURE_STORAGE_DOMAIN: 'blob.core.windows.net'
"""


def values(**changes: Any) -> dict[str, Any]:
    """The values of a minimal resource with these changes, as both dialects of YAML read them."""
    text = gitlab_values(Use(**RESOURCE | changes))
    read = yaml.safe_load(text)
    assert isinstance(read, dict)
    assert json.dumps(read) == json.dumps(YAML(typ="safe", pure=True).load(text))
    return read


def without(purpose: str) -> dict[str, str]:
    return {key: name for key, name in DEFAULTS.items() if key != purpose}


def service_account(name: str) -> dict[str, object]:
    return {"enabled": True, "create": False, "name": name}


def accounts(read: dict[str, Any]) -> dict[str, str]:
    """The components that have a service account of their own."""
    components = {"registry": read["registry"], **read["gitlab"]}
    assert all(
        c["serviceAccount"] == service_account(c["serviceAccount"]["name"])
        for c in components.values()
        if "serviceAccount" in c
    )
    return {name: c["serviceAccount"]["name"] for name, c in components.items() if "serviceAccount" in c}


def test_minimal() -> None:
    assert gitlab_values(Use(**RESOURCE)) == MINIMAL


def test_the_order_in_which_containers_are_given_does_not_matter() -> None:
    assert gitlab_values(Use(**RESOURCE | {"containers": dict(reversed(DEFAULTS.items()))})) == MINIMAL


def test_purposes_that_the_chart_switches_off_are_switched_on_and_pages_only_get_their_store() -> None:
    read = values(containers=DEFAULTS | OPTIONAL)

    assert DEFAULTS | OPTIONAL == CHART_NAMES
    config = read["global"]["appConfig"]
    for purpose in ("externalDiffs", "terraformState", "ciSecureFiles", "dependencyProxy"):
        assert config[purpose] == {"enabled": True, "bucket": OPTIONAL[purpose]}
    assert read["global"]["pages"] == {"objectStore": {"enabled": True, "bucket": "gitlab-pages"}}


@pytest.mark.parametrize(
    ("service_accounts", "everybody", "own"),
    [
        (["gitlab"], "gitlab", {}),
        (["gitlab-registry"], "gitlab-registry", {}),
        (["gitlab", "gitlab-registry"], "gitlab", {"registry": "gitlab-registry"}),
        (["gitlab", "gitlab-runner"], "gitlab", {}),
        (["gitlab", "toolbox", "sidekiq"], "gitlab", {"toolbox": "toolbox", "sidekiq": "sidekiq"}),
        (
            ["gitlab-webservice", "gitlab-sidekiq", "gitlab-toolbox", "gitlab-registry"],
            "gitlab-webservice",
            {"sidekiq": "gitlab-sidekiq", "toolbox": "gitlab-toolbox", "registry": "gitlab-registry"},
        ),
        (["gitlab", "myregistry", "registry-2"], "gitlab", {}),
        (["gitlab", "a-registry", "b-registry"], "gitlab", {"registry": "a-registry"}),
    ],
)
def test_the_first_account_is_for_all_components_and_one_named_like_a_component_is_its_own(
    service_accounts: list[str], everybody: str, own: dict[str, str]
) -> None:
    read = values(service_accounts=service_accounts)

    assert read["global"]["serviceAccount"] == service_account(everybody)
    assert accounts(read) == own


def test_accounts_that_helm_creates_are_left_to_helms_values() -> None:
    read = values(service_accounts=[])

    assert "serviceAccount" not in read["global"]
    assert accounts(read) == {}


def test_a_disabled_container_is_left_to_the_charts_values() -> None:
    assert "lfs" not in values(containers=without("lfs"))["global"]["appConfig"]
    assert values(containers=without("tmp"))["global"]["appConfig"]["backups"] == {"bucket": "gitlab-backups"}
    assert "registry" not in values(containers=without("registry"))["global"]


def test_a_disabled_secret_is_left_out_and_the_pods_keep_their_identity() -> None:
    registry = values(registry_secret=None)
    rails = values(object_storage_secret=None)
    backups = values(backup_secret=None)

    assert registry["registry"] == LABELLED
    assert "object_store" not in rails["global"]["appConfig"]
    assert "minio" not in rails["global"]
    assert rails["global"]["appConfig"]["lfs"] == {"bucket": "git-lfs"}
    assert rails["gitlab"]["webservice"] == LABELLED
    assert backups["gitlab"]["toolbox"] == LABELLED


def test_features_follow_what_is_disabled_and_leave_what_nobody_named() -> None:
    off = {"registry", "lfs", "terraformState", "pages", "backups", "tmp"}
    read = values(
        containers={purpose: name for purpose, name in DEFAULTS.items() if purpose not in off},
        registry_secret=None,
        backup_secret=None,
        disabled=frozenset(off),
        follow=True,
    )
    config = read["global"]["appConfig"]

    assert (read["registry"], read["global"]["registry"]) == ({"enabled": False}, {"enabled": False})
    assert (config["lfs"], config["terraformState"]) == ({"enabled": False}, {"enabled": False})
    assert config["uploads"] == {"bucket": "gitlab-uploads"}
    assert read["global"]["pages"] == {"enabled": False, "objectStore": {"enabled": False}}
    assert not {"externalDiffs", "ciSecureFiles", "dependencyProxy", "backups"} & config.keys()
    assert read["gitlab"]["toolbox"]["backups"] == {
        "cron": {"enabled": False},
        "objectStorage": {"backend": "azure", "config": {"secret": "gitlab-object-storage", "key": "connection"}},
    }


def test_uploads_have_no_switch() -> None:
    """The API server refuses it. A file that no API server has seen gives values all the same."""
    read = values(containers=without("uploads"), disabled=frozenset({"uploads"}), follow=True)
    assert "uploads" not in read["global"]["appConfig"]


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"containers": without("lfs"), "disabled": frozenset({"lfs"})}, ["global.appConfig.lfs.enabled: false"]),
        ({"containers": without("lfs"), "disabled": frozenset({"lfs"}), "follow": True}, []),
        (
            {"containers": without("uploads"), "disabled": frozenset({"uploads"}), "follow": True},
            ["global.appConfig.uploads.bucket: <a container that the identity may use>"],
        ),
        (
            {"containers": without("tmp"), "disabled": frozenset({"tmp"})},
            ["global.appConfig.backups.tmpBucket: <a container that the identity may use>"],
        ),
        ({"registry_secret": None}, ["registry.storage.secret: <name of your secret>"]),
        (
            {"containers": without("registry"), "registry_secret": None, "disabled": frozenset({"registry"})},
            ["registry.enabled: false"],
        ),
        (
            {"object_storage_secret": None},
            [
                "global.appConfig.object_store.enabled: true",
                "global.appConfig.object_store.connection.secret: <name of your secret>",
            ],
        ),
        (
            {"backup_secret": None},
            [
                "gitlab.toolbox.backups.objectStorage.backend: azure",
                "gitlab.toolbox.backups.objectStorage.config.secret: <name of your secret>",
            ],
        ),
        # What the resource does not serve is for another resource to say.
        (NOTHING | {"containers": {"runnerCache": "cache"}, "purposes": frozenset({"runnerCache"})}, []),
    ],
)
def test_what_is_left_to_a_persons_own_values_is_named(changes: dict[str, Any], own: list[str]) -> None:
    assert [str(one) for one in own_values(Use(**RESOURCE | changes))] == own


@pytest.mark.parametrize(
    ("containers", "secrets", "labelled"),
    [
        ({"registry": "r"}, {"registry_secret": ("s", "k")}, ["registry"]),
        ({"uploads": "u"}, {"object_storage_secret": ("s", "k")}, ["webservice", "sidekiq", "toolbox"]),
        ({"pages": "p"}, {}, ["webservice", "sidekiq", "toolbox"]),
        ({"backups": "b", "tmp": "t"}, {"backup_secret": ("s", "k")}, ["toolbox"]),
        ({}, {}, []),
    ],
)
def test_only_components_that_use_the_storage_are_labelled(
    containers: dict[str, str], secrets: dict[str, tuple[str, str]], labelled: list[str]
) -> None:
    read = values(containers=containers, **NOTHING | secrets)
    components = {"registry": read["registry"]} if "registry" in read else {}
    components |= read.get("gitlab", {})

    assert list(components) == labelled
    assert all(LABELLED.items() <= component.items() for component in components.values())


def test_gitaly_gets_the_address_of_each_container_that_is_named_for_it() -> None:
    assert "gitaly" not in values()["gitlab"]

    named = values(containers=DEFAULTS | {"gitalyBackups": "gitaly-backups", "gitalyBundles": "bundles"})

    assert named["gitlab"]["gitaly"] == {
        **LABELLED,
        "backup": {"goCloudUrl": URL.format("gitaly-backups")},
        "bundleUri": {"goCloudUrl": URL.format("bundles")},
    }
    assert {key: value for key, value in named["gitlab"].items() if key != "gitaly"} == values()["gitlab"]


@pytest.mark.parametrize("domain", [*(cloud.blob_domain for cloud in CLOUDS.values()), "z01.blob.storage.azure.net"])
def test_addresses_are_those_of_the_cloud_and_of_the_accounts_zone(domain: str) -> None:
    read = values(containers={"gitalyBackups": "gitaly", "runnerCache": "cache"}, domain=domain, account="1e5")

    gitaly = urlsplit(read["gitlab"]["gitaly"]["backup"]["goCloudUrl"])
    assert (gitaly.scheme, gitaly.netloc, gitaly.path) == ("azblob", "gitaly", "")
    assert parse_qs(gitaly.query) == {"storage_account": ["1e5"], "domain": [domain]}
    assert read["gitlab-runner"]["extraEnv"] == {
        "CACHE_TYPE": "azure",
        "CACHE_AZURE_ACCOUNT_NAME": "1e5",
        "CACHE_AZURE_CONTAINER_NAME": "cache",
        "CACHE_AZURE_STORAGE_DOMAIN": domain,
    }


def test_the_runner_manager_gets_the_cache_the_identity_and_the_token_of_the_api_server_that_it_needs() -> None:
    text = gitlab_values(Use(**RESOURCE | NOTHING | {"containers": {"runnerCache": "runner-cache"}}))

    assert text == RUNNER_ALONE


@pytest.mark.parametrize(
    ("service_accounts", "runner"),
    [
        (["gitlab"], "gitlab"),
        (["gitlab", "gitlab-runner"], "gitlab-runner"),
        (["gitlab", "other"], "gitlab"),
    ],
)
def test_the_runner_has_the_account_that_is_named_like_it(service_accounts: list[str], runner: str) -> None:
    read = values(service_accounts=service_accounts, containers=DEFAULTS | {"runnerCache": "runner-cache"})

    assert read["global"]["serviceAccount"] == service_account("gitlab")
    assert read["gitlab-runner"]["serviceAccount"] == {"create": False, "name": runner}


def test_gitaly_has_the_account_that_is_named_like_it_once_a_container_is_named_for_it() -> None:
    both = {"service_accounts": ["gitlab", "gitlab-gitaly"]}

    assert accounts(values(**both)) == {}
    assert accounts(values(**both, containers={"gitalyBackups": "gitaly"})) == {"gitaly": "gitlab-gitaly"}


def test_a_runner_whose_account_helm_creates_keeps_it() -> None:
    runner = values(service_accounts=[], containers={"runnerCache": "runner-cache"})["gitlab-runner"]

    assert set(runner) == {"podLabels", "extraEnv"}


@pytest.mark.parametrize(
    ("purposes", "service_accounts", "own"),
    [
        (["gitalyBackups"], ["gitlab-gitaly"], {"gitaly": "gitlab-gitaly"}),
        (["gitalyBackups", "registry"], ["a", "a-registry"], {"registry": "a-registry", "gitaly": "a"}),
    ],
)
def test_a_resource_that_lists_its_purposes_moves_no_pod_of_another_purpose(
    purposes: list[str], service_accounts: list[str], own: dict[str, str]
) -> None:
    """Its values are given to Helm beside those of another resource, which names the account of all pods."""
    containers = {purpose: purpose.lower() for purpose in purposes}
    read = values(**NOTHING, service_accounts=service_accounts, containers=containers, purposes=frozenset(purposes))

    assert read["global"]["serviceAccount"] == {"create": False}
    assert accounts({"registry": {}, **read}) == own


def test_a_resource_for_runners_alone_moves_no_other_pod() -> None:
    """Its account is in no value that GitLab's other pods read."""
    read = values(**NOTHING, service_accounts=["a", "b"], containers={"runnerCache": "runner-cache"})

    assert list(read) == ["gitlab-runner"]
    assert read["gitlab-runner"]["serviceAccount"]["name"] == "a"


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="not a purpose of a container: logs"):
        Use(**RESOURCE | {"containers": {"logs": "x"}})


@pytest.mark.parametrize("name", ["1e5", "0o17", "08912", "123456", "yes", "null", "2024-01-01"])
def test_every_name_is_read_back_as_it_was_typed(name: str) -> None:
    read = values(
        service_accounts=[name],
        account=name,
        containers=dict.fromkeys(PURPOSES, name),
        registry_secret=(name, name),
        object_storage_secret=(name, name),
        backup_secret=(name, name),
    )
    config = read["global"]["appConfig"]

    assert read["global"]["serviceAccount"]["name"] == name
    assert read["global"]["registry"]["bucket"] == name
    assert read["global"]["pages"]["objectStore"]["bucket"] == name
    assert config.pop("backups") == {"bucket": name, "tmpBucket": name}
    assert config.pop("object_store")["connection"] == {"secret": name, "key": name}
    assert [each["bucket"] for each in config.values()] == [name] * 8
    assert read["registry"]["storage"] == {"secret": name, "key": name}
    assert read["gitlab"]["toolbox"]["backups"]["objectStorage"]["config"] == {"secret": name, "key": name}
    assert f"azblob://{name}?storage_account={name}&" in read["gitlab"]["gitaly"]["bundleUri"]["goCloudUrl"]
    assert read["gitlab-runner"]["serviceAccount"]["name"] == name
    assert read["gitlab-runner"]["extraEnv"]["CACHE_AZURE_ACCOUNT_NAME"] == name
    assert read["gitlab-runner"]["extraEnv"]["CACHE_AZURE_CONTAINER_NAME"] == name


def test_block_style_only_and_nothing_of_the_identity() -> None:
    text = gitlab_values(Use(**RESOURCE))

    assert not set("{}[]#") & set(text)
    assert text.endswith("\n")
    assert "client" not in text
