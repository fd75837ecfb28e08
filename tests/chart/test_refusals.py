"""Values that cannot work are refused with what to do instead."""

from __future__ import annotations

import pytest

from .rendering import CHART, MINIMAL, Helm

NAMES_CLUSTER = "settings.cluster is empty. Name this cluster, for example --set settings.cluster=prod-westeurope"
NAMES_NAMESPACES = "namespaces is empty. Name the namespaces GitLab runs in, for example --set 'namespaces={gitlab}'"
NAMES_CLIENT = "azure.clientId is empty. Set it to the client ID of the operator's own managed identity"
NAMES_IMAGE = "image.repository is empty. Set it to where you pushed the operator's image."


def test_all_missing_values_are_reported_at_once(helm: Helm) -> None:
    error = helm.refusal()

    for message in (NAMES_CLUSTER, NAMES_NAMESPACES, NAMES_CLIENT, NAMES_IMAGE):
        assert message in error


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"settings": {"cluster": ""}}, NAMES_CLUSTER),
        ({"namespaces": []}, NAMES_NAMESPACES),
        ({"clusterWide": True}, "namespaces and clusterWide are both set."),
        ({"azure": {"clientId": ""}}, NAMES_CLIENT),
        ({"image": {"repository": ""}}, NAMES_IMAGE),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name is empty. Name the service account that exists."),
        (
            {"settings": {"cluster": "prod", "cloud": "AzureGermany"}},
            'settings.cloud is "AzureGermany". It must be AzurePublic, AzureUSGovernment or AzureChina.',
        ),
        ({"settings": {"cluster": "prod", "httpPort": 0}}, "settings.httpPort is 0. Name a port"),
        ({"settings": {"cluster": "prod", "httpPort": "http"}}, "settings.httpPort is http. Name a port"),
        ({"settings": {"cluster": "prod", "httpPort": 80800}}, "settings.httpPort is 80800. Name a port"),
        (
            {"azure": {"proxy": {"https": "http://me:secret@proxy.example.com:3128"}}},
            "azure.proxy.https has a login, which everybody who sees the Deployment would read.",
        ),
        (
            {"extraEnv": [{"name": "GAI_HTTP_PORT", "value": "9090"}]},
            "extraEnv has GAI_HTTP_PORT. Set settings.httpPort instead: other objects of the chart need it too.",
        ),
        (
            {"extraEnv": [{"name": "GAI_SETTINGS_FILE", "value": "/mine"}]},
            "extraEnv has GAI_SETTINGS_FILE, which the chart sets. Take it out.",
        ),
    ],
)
def test_an_unusable_value_is_refused_with_what_to_do(helm: Helm, values: dict[str, object], message: str) -> None:
    assert message in helm.refusal(**{**MINIMAL, **values})


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"replicas": 2}, "replicas"),
        ({"replicaCount": 0}, "replicaCount"),
        ({"podDisruptionBudget": {"maxUnavailable": "0%"}}, "podDisruptionBudget.maxUnavailable"),
        ({"image": {"repository": "x", "name": "y"}}, "image"),
        ({"image": {"repository": "x", "digest": "latest"}}, "image.digest"),
        ({"azure": {"clientId": "gitlab-azure-identity-operator"}}, "azure.clientId"),
        ({"namespaces": ["gitlab", "gitlab"]}, "namespaces"),
        ({"namespaces": ["git*"]}, "namespaces.0"),
        ({"settings": {"cluster": 7}}, "settings.cluster"),
        ({"settings": {"cluster": "my cluster"}}, "settings.cluster"),
        ({"settings": {"cluster": "prod", "polices": []}}, "polices"),
        ({"settings": {"cluster": "prod", "throttle": {"rate": "Unlimited"}}}, "settings.throttle"),
        ({"settings": {"cluster": "prod", "resyncInterval": "1h"}}, "settings.resyncInterval"),
        ({"settings": {"cluster": "prod", "policy": [{"namespace": "gitlab"}]}}, "settings.policy.0"),
        (
            {"settings": {"cluster": "prod", "policy": [{"namespaces": ["a"], "storage": [{"name": "b"}]}]}},
            "settings.policy.0.storage.0",
        ),
        ({"settings": {"cluster": "prod", "leaderElection": {"namespace": "other"}}}, "settings.leaderElection"),
        ({"restart": None, "azure": {"proxy": None}}, "restart"),  # as `helm upgrade --reuse-values` leaves them out
        ({"verification": {"enable": False}}, "verification"),
        ({"extraEnv": [{"value": "x"}]}, "extraEnv.0"),
        ({"extraArgs": ["--verbose"]}, "extraArgs"),  # the operator takes no arguments but `run`
    ],
)
def test_the_schema_refuses_unknown_and_invalid_values(helm: Helm, values: dict[str, object], where: str) -> None:
    error = helm.refusal(**{**MINIMAL, **values})

    assert "don't meet the specifications of the schema" in error
    assert where in error.replace("/", ".")  # Helm 3 writes image.digest, Helm 4 /image/digest


@pytest.mark.parametrize("values", [MINIMAL, {**MINIMAL, "namespaces": [], "clusterWide": True}])
def test_lint_finds_nothing(helm: Helm, values: dict[str, object]) -> None:
    done = helm.run("lint", "--strict", str(CHART), values=values)

    assert done.returncode == 0, done.stdout + done.stderr
