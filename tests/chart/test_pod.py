"""The operator's pod: its restrictions, its login by workload identity, its settings."""

from __future__ import annotations

import re

import pytest

from .rendering import RELEASE, Document, Helm, Rendered


def container(rendered: Rendered) -> Document:
    (only,) = rendered.pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def test_the_pod_meets_the_restricted_pod_security_standard(minimal: Rendered) -> None:
    assert minimal.pod["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(minimal)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {next(k for k in volume if k != "name") for volume in minimal.pod["spec"]["volumes"]} <= {
        "configMap",
        "emptyDir",
    }


def test_two_replicas_come_and_go_one_after_the_other(minimal: Rendered) -> None:
    spec = minimal.one("Deployment")["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}


def test_replicas_are_spread_over_nodes_and_zones(helm: Helm, minimal: Rendered) -> None:
    spread: list[Document] = minimal.pod["spec"]["topologySpreadConstraints"]
    own = [{"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}]

    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {each["whenUnsatisfiable"] for each in spread} == {"ScheduleAnyway"}
    labels = minimal.pod["metadata"]["labels"]
    assert all(labels.items() >= each["labelSelector"]["matchLabels"].items() for each in spread)
    assert helm.template(topologySpreadConstraints=own).pod["spec"]["topologySpreadConstraints"] == own


def test_a_drained_node_takes_one_replica_at_most(helm: Helm, minimal: Rendered) -> None:
    budget = minimal.one("PodDisruptionBudget")["spec"]

    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert minimal.pod["metadata"]["labels"].items() >= budget["selector"]["matchLabels"].items()
    assert not helm.template(replicaCount=1).all("PodDisruptionBudget")
    assert not helm.template(podDisruptionBudget={"enabled": False}).all("PodDisruptionBudget")


def test_replicas_agree_on_a_lease_of_the_release(helm: Helm) -> None:
    rendered = helm.template(settings={"cluster": "prod", "leaderElection": {"leaseDuration": 30}})

    assert rendered.settings["leaderElection"] == {
        "leaseDuration": 30,
        "namespace": "gitlab-azure-identity",
        "name": "gitlab-azure-identity",
    }


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [({}, 40), ({"requestTimeout": 90}, 100), ({"requestTimeout": 2.5}, 13)],
)
def test_the_grace_period_is_longer_than_the_longest_write(
    helm: Helm, settings: dict[str, object], seconds: int
) -> None:
    rendered = helm.template(settings={"cluster": "prod", **settings})

    assert rendered.pod["spec"]["terminationGracePeriodSeconds"] == seconds


def test_the_pod_logs_in_by_workload_identity(helm: Helm) -> None:
    tenant = "72f988bf-0000-4000-8000-2d7cd011db47"
    client = "8a2f3c1e-0b4d-4e6f-9a7b-1c2d3e4f5a6b"
    rendered = helm.template(
        azure={"clientId": client, "tenantId": tenant}, serviceAccount={"annotations": {"team": "platform"}}
    )

    assert rendered.one("ServiceAccount", RELEASE)["metadata"]["annotations"] == {
        "azure.workload.identity/client-id": client,
        "azure.workload.identity/tenant-id": tenant,
        "team": "platform",
    }
    assert rendered.pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert rendered.pod["spec"]["serviceAccountName"] == "gitlab-azure-identity"


def test_without_a_tenant_in_the_values_the_service_account_names_none(minimal: Rendered) -> None:
    annotations = minimal.one("ServiceAccount", RELEASE)["metadata"]["annotations"]

    assert set(annotations) == {"azure.workload.identity/client-id"}


def test_custom_labels_never_replace_the_labels_that_the_pod_needs(helm: Helm) -> None:
    rendered = helm.template(
        podLabels={"azure.workload.identity/use": "false", "team": "platform"},
        commonLabels={"app.kubernetes.io/name": "other", "cost": "42"},
    )
    labels = rendered.pod["metadata"]["labels"]

    assert labels["azure.workload.identity/use"] == "true"
    assert labels.items() >= rendered.one("Deployment")["spec"]["selector"]["matchLabels"].items()
    assert (labels["team"], labels["cost"]) == ("platform", "42")


def test_settings_reach_the_operator_unchanged(helm: Helm) -> None:
    # Strings that a careless YAML writer does not quote. A reader then takes them for numbers or booleans.
    settings = {
        "cluster": "1e5",
        "cloud": "AzurePublic",
        "defaults": {"resourceGroup": "0o17", "location": "no", "subscriptionId": "012345"},
        "policy": [{"namespaces": ["yes", "gitlab-*"], "storage": [{"account": "1_000", "containers": ["*"]}]}],
        "resyncInterval": 1800000,
        "issuer": "https://issuer.example/a/",
    }

    found = helm.template(settings=settings).settings

    assert {name: value for name, value in found.items() if name != "leaderElection"} == settings


def test_settings_are_mounted_at_the_path_in_the_operators_variable(minimal: Rendered) -> None:
    env = {variable["name"]: variable for variable in container(minimal)["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container(minimal)["volumeMounts"]}

    assert env["GAI_SETTINGS_FILE"]["value"] == f"{mounts['settings']}/settings.yaml"
    assert set(env) == {"GAI_SETTINGS_FILE"}
    assert mounts["tmp"] == "/tmp"  # noqa: S108 (the only folder in which the container may write)


def test_changed_settings_restart_the_operator(helm: Helm, minimal: Rendered) -> None:
    changed = helm.template(settings={"cluster": "prod", "defaults": {"location": "westeurope"}})

    assert changed.pod["metadata"]["annotations"] != minimal.pod["metadata"]["annotations"]


@pytest.mark.parametrize(("settings", "port"), [({}, 8080), ({"httpPort": 9090}, 9090)])
def test_probes_use_the_port_on_which_the_operator_listens(helm: Helm, settings: dict[str, object], port: int) -> None:
    operator = container(helm.template(settings={"cluster": "prod", **settings}))

    assert operator["ports"] == [{"name": "http", "containerPort": port}]
    assert operator["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert operator["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_image_has_the_charts_version_unless_the_values_name_another(helm: Helm, minimal: Rendered) -> None:
    digest = "sha256:" + "0" * 64
    repository = "example.azurecr.io/gitlab-azure-identity"

    def image(**image: str) -> object:
        return container(helm.template(image={"repository": repository, **image}))["image"]

    version = minimal.pod["metadata"]["labels"]["app.kubernetes.io/version"]
    assert container(minimal)["image"] == f"{repository}:{version}"
    assert image(tag="edge") == f"{repository}:edge"
    assert image(tag="edge", digest=digest) == f"{repository}@{digest}"


def test_the_container_runs_the_console_script(minimal: Rendered) -> None:
    assert container(minimal)["command"] + container(minimal)["args"] == ["gitlab-azure-identity", "run"]


def test_why_it_did_not_start_stands_in_the_status_of_the_pod(minimal: Rendered) -> None:
    assert container(minimal)["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("name", ["a" * 63, "a" * 51 + "-b", "a" * 50 + "---b"])
def test_a_long_name_is_cut_to_one_that_kubernetes_takes(helm: Helm, name: str) -> None:
    names = {document["metadata"]["name"] for document in helm.template(fullnameOverride=name).documents}

    assert all(re.fullmatch("[a-z0-9]([-.a-z0-9]*[a-z0-9])?", each) for each in names)
    assert max(map(len, names)) < 253
    labels = helm.template(nameOverride=name).pod["metadata"]["labels"]
    assert all(
        re.fullmatch("([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?", each) and len(each) < 64 for each in labels.values()
    )
