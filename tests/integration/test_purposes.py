"""Purposes that only a resource names: Gitaly's backups and bundles, and the cache of GitLab Runner."""

import pytest
import yaml

from lab.azure import seeded
from lab.places import ROOT

from .behind import create_container, create_store
from .resources import GitLab
from .test_containers import at, granted
from .test_webhook import create_pod
from .watching import Object

RUNNER: Object = yaml.safe_load((ROOT / "examples" / "runner-cache.yaml").read_text(encoding="utf-8"))


def values(gitlab: GitLab, key: str = "values.yaml") -> Object:
    found: Object = yaml.safe_load(gitlab.fetch("configmap", f"{gitlab.name}-gitlab-values")["data"][key])
    return found


@pytest.fixture
def runner(gitlab: GitLab) -> GitLab:
    """The example for runners, Ready."""
    create_container(gitlab.lab, "runner-cache")
    gitlab.name = RUNNER["metadata"]["name"]
    gitlab.apply(**RUNNER["spec"]).ready()
    return gitlab


def test_gitalys_containers_are_granted_verified_and_given_to_gitaly(gitlab: GitLab) -> None:
    for container in ("gitaly-backups", "gitaly-bundles"):
        create_container(gitlab.lab, container)
    containers = {"gitalyBackups": {"name": "gitaly-backups"}, "gitalyBundles": {"name": "gitaly-bundles"}}
    accounts = [{"name": "gitlab"}, {"name": "gitlab-gitaly"}]

    found = gitlab.apply(
        storage={"accountName": "gitlabstore", "roleScope": "Container", "containers": containers},
        serviceAccounts=accounts,
    ).ready()

    states = {entry["purpose"]: (entry["name"], entry["state"]) for entry in found["status"]["containers"]}
    assert states["gitalyBackups"] == ("gitaly-backups", "Verified")
    assert states["gitalyBundles"] == ("gitaly-bundles", "Verified")
    assert {("contributor", at("gitaly-backups")), ("contributor", at("gitaly-bundles"))} <= granted(gitlab)
    gitaly = values(gitlab)["gitlab"]["gitaly"]
    assert gitaly["serviceAccount"] == {"enabled": True, "create": False, "name": "gitlab-gitaly"}
    assert gitaly["backup"]["goCloudUrl"] == (
        "azblob://gitaly-backups?storage_account=gitlabstore&domain=blob.core.windows.net"
    )
    pod = create_pod(gitlab, "gitlab-gitaly", **gitaly["podLabels"])
    assert gitlab.azcopy_list(pod, "gitaly-backups").returncode == 0


def test_gitaly_in_a_dns_zone_opens_its_container_there(gitlab: GitLab) -> None:
    store = f"storezone{gitlab.namespace.replace('-', '')}"
    create_store(gitlab.lab, store)
    create_container(gitlab.lab, "gitaly-backups", store)
    gitlab.lab.controls.change_account(store, dns_zone="z12")

    gitlab.apply(storage={"accountName": store, "containers": {"gitalyBackups": {"name": "gitaly-backups"}}}).ready()

    assert values(gitlab)["gitlab"]["gitaly"]["backup"]["goCloudUrl"] == (
        f"azblob://gitaly-backups?storage_account={store}&domain=z12.blob.storage.azure.net"
    )


def test_that_clients_are_offered_no_bundles_is_told(gitlab: GitLab) -> None:
    create_container(gitlab.lab, "gitaly-bundles")
    gitlab.apply(
        storage={"accountName": "gitlabstore", "containers": {"gitalyBundles": {"name": "gitaly-bundles"}}}
    ).ready()

    assert gitlab.message("SecretsWritten").endswith(
        "Gitaly writes bundles, but offers none to clients: it signs their addresses only with an access key (Gitaly 18.9)."
    )


def test_a_resource_for_runners_alone_reaches_their_container_and_nothing_of_gitlab(runner: GitLab) -> None:
    assert granted(runner) == {
        ("delegator", at("").partition("/blobServices")[0]),
        ("contributor", at("runner-cache")),
    }
    status = runner.live()["status"]
    assert status["containers"] == [
        {"name": "runner-cache", "purpose": "runnerCache", "state": "Verified", "existed": True}
    ]
    assert "secrets" not in status
    for secret in ("registry-storage", "object-storage", "azure-backup-conf"):
        assert not runner.exists("secret", f"{runner.name}-{secret}")


def test_the_runner_manager_of_these_values_reads_its_cache_and_no_registry(runner: GitLab) -> None:
    chart = values(runner, "gitlab-runner-values.yaml")
    assert values(runner) == {"gitlab-runner": chart}

    pod = create_pod(runner, chart["serviceAccount"]["name"], **chart["podLabels"])

    assert runner.azcopy_list(pod, chart["extraEnv"]["CACHE_AZURE_CONTAINER_NAME"]).returncode == 0
    refused = runner.azcopy_list(pod, seeded.BLOB_CONTAINER)
    assert refused.returncode != 0
    assert "AuthorizationPermissionMismatch" in refused.stdout


def test_a_resource_that_serves_runners_alone_no_longer_leaves_gitlabs_objects(gitlab: GitLab) -> None:
    create_container(gitlab.lab, "runner-cache")
    containers = {"runnerCache": {"name": "runner-cache"}}
    gitlab.apply(storage={"accountName": "gitlabstore", "containers": containers}).ready()
    assert gitlab.exists("secret", "gitlab-object-storage")

    gitlab.apply(storage={"accountName": "gitlabstore", "containers": containers, "purposes": ["runnerCache"]}).ready()

    assert not gitlab.exists("secret", "gitlab-object-storage")
    assert list(values(gitlab)) == ["gitlab-runner"]


def test_what_a_resource_does_not_serve_is_in_nobodys_way(gitlab: GitLab) -> None:
    """The container named tmp is the toolbox's by default, which this resource does not serve."""
    storage = {"accountName": "gitlabstore", "containers": {"runnerCache": {"name": "tmp"}}}
    assert "container tmp is named for two purposes" in gitlab.refused(storage=storage)

    found = gitlab.apply(storage={**storage, "purposes": ["runnerCache"]}).ready()

    assert [entry["name"] for entry in found["status"]["containers"]] == ["tmp"]


def test_the_runners_values_are_gone_with_the_purpose(runner: GitLab) -> None:
    containers = {"gitalyBackups": {"name": "runner-cache"}}
    storage = {"accountName": "gitlabstore", "containers": containers, "purposes": ["gitalyBackups"]}

    runner.lab.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(runner.manifest(storage=storage)))
    runner.ready()

    data = runner.fetch("configmap", f"{runner.name}-gitlab-values")["data"]
    assert list(data) == ["values.yaml"]


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        (
            {"purposes": ["runnerCache"]},
            (
                "spec.storage.purposes: Invalid value: a purpose that is listed in purposes needs a container: "
                "name it in containers"
            ),
        ),
        ({"purposes": ["logs"]}, 'spec.storage.purposes[0]: Unsupported value: "logs": supported values: "registry"'),
        ({"purposes": ["registry", "registry"]}, 'spec.storage.purposes[1]: Duplicate value: "registry"'),
        ({"containers": {"gitalyBackups": {}}}, "spec.storage.containers.gitalyBackups.name: Required value"),
        (
            {"containers": {"runnerCache": {"name": "tmp"}}},
            "container tmp is named for two purposes: give each purpose a container of its own",
        ),
    ],
)
def test_what_the_api_server_refuses(gitlab: GitLab, storage: Object, said: str) -> None:
    assert said in gitlab.refused(storage={"accountName": "gitlabstore", **storage})
