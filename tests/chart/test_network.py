"""The operator's way out: its network policy, a proxy, and certificate authorities of one's own. And who may scrape it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from .rendering import MINIMAL, RELEASE, ROOT, Document, Helm, Rendered

CLIENT = {"clientId": "8a2f3c1e-0b4d-4e6f-9a7b-1c2d3e4f5a6b"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def ports(rules: list[Document]) -> set[tuple[str, object]]:
    return {(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]}


def environment(rendered: Rendered) -> dict[str, str]:
    (container,) = rendered.pod["spec"]["containers"]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


def volume(rendered: Rendered, name: str) -> Document:
    found: Document = next(each for each in rendered.pod["spec"]["volumes"] if each["name"] == name)
    return found


# Network policy


def test_without_being_asked_for_there_is_no_network_policy(minimal: Rendered) -> None:
    assert not minimal.all("NetworkPolicy")


def test_a_network_policy_leaves_dns_azure_the_api_server_and_metrics(helm: Helm) -> None:
    policy = helm.template(networkPolicy={"enabled": True}).one("NetworkPolicy")["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert ports(policy["egress"]) == {("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 6443)}
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": "http"}]}]


@pytest.mark.parametrize(
    ("proxy", "port"),
    [
        ("http://proxy.example.com:3128", 3128),
        ("http://proxy.example.com", 80),
        ("https://proxy.example.com/", 443),
        ("http://[fd00::1]:8080", 8080),
    ],
)
def test_it_leaves_the_way_to_the_proxy(helm: Helm, proxy: str, port: int) -> None:
    rendered = helm.template(networkPolicy={"enabled": True}, azure={**CLIENT, "proxy": {"https": proxy}})

    allowed = ports(rendered.one("NetworkPolicy")["spec"]["egress"])
    assert allowed == {("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 6443), ("TCP", port)}


def test_it_selects_the_operator_and_the_check_before_an_uninstallation(helm: Helm) -> None:
    rendered = helm.template(networkPolicy={"enabled": True})
    selector = rendered.one("NetworkPolicy")["spec"]["podSelector"]
    (names,) = selector["matchExpressions"]

    for pod in (rendered.pod, rendered.one("Job")["spec"]["template"]):
        labels = pod["metadata"]["labels"]
        assert labels.items() >= selector["matchLabels"].items()
        assert labels[names["key"]] in names["values"]


def test_who_may_scrape_and_what_more_may_be_reached_can_be_named(helm: Helm) -> None:
    prometheus = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    resolver: dict[str, Any] = {"ports": [{"protocol": "UDP", "port": 5353}]}
    rendered = helm.template(networkPolicy={"enabled": True, "metricsFrom": [prometheus], "extraEgress": [resolver]})

    policy = rendered.one("NetworkPolicy")["spec"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": "http"}], "from": [prometheus]}]
    assert policy["egress"][-1] == resolver


# Proxy and certificate authorities


def test_a_proxy_is_the_operators_and_not_the_checks(helm: Helm) -> None:
    proxy = {"https": "http://proxy.example.com:3128", "noProxy": ".privatelink.blob.core.windows.net"}
    rendered = helm.template(azure={**CLIENT, "proxy": proxy})

    assert environment(rendered)["HTTPS_PROXY"] == "http://proxy.example.com:3128"
    assert environment(rendered)["NO_PROXY"] == ".privatelink.blob.core.windows.net"
    assert "env" not in rendered.one("Job")["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("bundle", "source"),
    [
        ({"pem": PEM}, {"configMap": {"name": f"{RELEASE}-ca"}}),
        ({"configMap": "company"}, {"configMap": {"name": "company"}}),
        ({"secret": "company"}, {"secret": {"secretName": "company"}}),
        ({"secret": "company", "key": "bundle.pem"}, {"secret": {"secretName": "company"}}),
    ],
)
def test_authorities_are_mounted_where_the_operator_reads_them(
    helm: Helm, bundle: dict[str, str], source: dict[str, dict[str, str]]
) -> None:
    rendered = helm.template(caBundle=bundle)
    ((kind, named),) = source.items()

    found = volume(rendered, "ca")[kind]
    assert found == {**named, "items": [{"key": bundle.get("key", "ca.crt"), "path": "ca.crt"}]}
    (container,) = rendered.pod["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert environment(rendered)["SSL_CERT_FILE"] == f"{mounts['ca']}/ca.crt"


def test_inline_authorities_are_in_a_config_map_and_a_change_restarts_the_operator(helm: Helm) -> None:
    rendered, other = (helm.template(caBundle={"pem": pem}) for pem in (PEM, PEM * 2))

    assert rendered.one("ConfigMap", f"{RELEASE}-ca")["data"] == {"ca.crt": PEM}
    assert rendered.pod["metadata"]["annotations"] != other.pod["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"caBundle": {"pem": PEM, "secret": "x"}}, "caBundle.pem and caBundle.secret are set. Keep one of them."),
        ({"caBundle": {"pem": "MIIB"}}, "caBundle.pem has no certificate."),
        (
            {"azure": {**CLIENT, "proxy": {"noProxy": "x"}}},
            "azure.proxy.noProxy is set, and azure.proxy.https is empty.",
        ),
        (
            {
                "azure": {**CLIENT, "proxy": {"https": "http://p:1"}},
                "extraEnv": [{"name": "https_proxy", "value": "http://q:1"}],
            },
            "extraEnv has https_proxy, and azure.proxy.https is set. Keep one of them.",
        ),
        (
            {"caBundle": {"secret": "x"}, "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/ca.crt"}]},
            "extraEnv has SSL_CERT_FILE, and caBundle.secret is set. Keep one of them.",
        ),
    ],
)
def test_contradictions_are_refused_with_what_to_do(helm: Helm, values: dict[str, object], message: str) -> None:
    assert message in helm.refusal(**{**MINIMAL, **values})


@pytest.mark.parametrize("proxy", ["proxy.example.com:3128", "socks5://proxy:1080", "http://proxy:3128/path"])
def test_a_proxy_has_a_scheme_and_no_path(helm: Helm, proxy: str) -> None:
    error = helm.refusal(**{**MINIMAL, "azure": {**CLIENT, "proxy": {"https": proxy}}})

    assert "azure.proxy.https" in error.replace("/", ".")


# Prometheus and Grafana


def test_a_pod_monitor_selects_the_operators_pods_and_the_port_of_its_metrics(helm: Helm, minimal: Rendered) -> None:
    assert not minimal.all("PodMonitor")

    rendered = helm.template(podMonitor={"enabled": True, "interval": "1m", "labels": {"release": "prometheus"}})
    monitor = rendered.one("PodMonitor")

    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert rendered.pod["metadata"]["labels"].items() >= monitor["spec"]["selector"]["matchLabels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "http", "path": "/metrics", "honorLabels": True, "interval": "1m"}
    assert endpoint["port"] in {port["name"] for port in rendered.pod["spec"]["containers"][0]["ports"]}


def test_the_alerts_are_a_prometheus_rule(helm: Helm, minimal: Rendered) -> None:
    assert not minimal.all("PrometheusRule")

    rule = helm.template(prometheusRule={"enabled": True, "labels": {"release": "prometheus"}}).one("PrometheusRule")

    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))


def test_the_dashboard_is_a_config_map_that_grafanas_sidecar_finds(helm: Helm, minimal: Rendered) -> None:
    assert len(minimal.all("ConfigMap")) == 1

    found = helm.template(dashboard={"enabled": True, "annotations": {"grafana_folder": "GitLab"}}).one(
        "ConfigMap", f"{RELEASE}-dashboard"
    )

    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "GitLab"}
    source = ROOT / "deploy" / "grafana" / "dashboard.json"
    assert json.loads(found["data"]["gitlab-azure-identity.json"]) == json.loads(source.read_text(encoding="utf-8"))
