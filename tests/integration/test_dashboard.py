"""The dashboard's queries and the alerts, in a real Prometheus that scrapes the operator."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.running import Lab

from .apart import FAST, started_lab
from .behind import condition, remove_credentials, until
from .operating import Operator
from .owner import stalled
from .prometheus import Prometheus, scraping
from .resources import GitLab
from .watching import Watch

NAMESPACE, REFUSED = "t-shown", "t-refused"
DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.json").read_text())
QUERIES = [
    (f"{panel['title']}: {target['refId']}", target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
]


def asked(expression: str) -> str:
    """A query as Grafana sends it, with all namespaces chosen."""
    return expression.replace("$__rate_interval", "1m").replace("$namespace", ".*")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has seen an operator that leads, a resource that is Ready, one that is refused, a repair, and a request that Azure
    refused."""
    with started_lab(tmp_path_factory.mktemp("shown")) as (lab, _):
        lab.controls.set(**FAST)
        lab.admit_namespaces(NAMESPACE, REFUSED)
        operator = Operator(lab, tmp_path_factory.mktemp("operator"))
        operator.start(leaderElection=operator.election, throttle={"rates": "Published", "identityBurst": 1})
        with scraping(operator, tmp_path_factory.mktemp("prometheus")) as prometheus:
            try:
                _live(lab, operator)
                _scraped(prometheus)
                yield prometheus
            finally:
                operator.stop()


def _live(lab: Lab, operator: Operator) -> None:
    watch = Watch(lab)
    gitlab, refused = GitLab(lab, watch, NAMESPACE), GitLab(lab, watch, REFUSED)
    gitlab.apply(serviceAccounts=[{"name": "gitlab"}, {"name": "runner"}]).ready()
    refused.apply(storage={"accountName": "otherstore"})
    stalled(refused, "NotPermitted")
    lab.controls.add_fault("GET */roleassignments", status=429, code="TooManyRequests", retry_after=1)
    remove_credentials(gitlab)
    gitlab.reconcile_now()
    until(lambda: condition(gitlab, "Ready") in operator.get("/metrics"), "it is Ready")
    watch.close()


def _scraped(prometheus: Prometheus) -> None:
    """Wait until each counter has the two values that a rate takes."""
    repaired = "sum(rate(gitlab_azure_identity_drift_repairs_total[1m]))"
    until(lambda: prometheus.query(repaired), "Prometheus has seen the repair twice")


@pytest.mark.parametrize(("panel", "expression"), QUERIES, ids=[panel for panel, _ in QUERIES])
def test_every_query_of_the_dashboard_has_an_answer(prometheus: Prometheus, panel: str, expression: str) -> None:
    assert prometheus.query(asked(expression)), panel


def test_the_dashboard_counts_what_there_is(prometheus: Prometheus) -> None:
    shown = {panel["title"]: panel for panel in DASHBOARD["panels"]}

    def value(title: str) -> float:
        return prometheus.value(asked(shown[title]["targets"][0]["expr"]))

    assert {title: value(title) for title in ("Ready", "Not Ready", "A person must act", "Leaders", "Replicas")} == {
        "Ready": 1,
        "Not Ready": 1,
        "A person must act": 1,
        "Leaders": 1,
        "Replicas": 1,
    }


def test_a_variable_of_the_dashboard_offers_the_namespaces_of_resources(prometheus: Prometheus) -> None:
    match = {"match[]": "gitlab_azure_identity_status_condition"}

    assert prometheus.ask("label/namespace/values", **match) == [REFUSED, NAMESPACE]


def test_prometheus_evaluates_every_alert_and_the_refused_resource_is_about_to_raise_one(
    prometheus: Prometheus,
) -> None:
    def states() -> dict[str, Any]:
        return {name: rule["state"] for name, rule in prometheus.alerts().items() if rule["state"] != "inactive"}

    until(lambda: "GitLabAzureIdentityStalled" in states(), "the alert waits for its time")

    assert {rule["health"] for rule in prometheus.alerts().values()} == {"ok"}
    (alert,) = prometheus.alerts()["GitLabAzureIdentityStalled"]["alerts"]
    assert alert["annotations"]["summary"] == f"GitLabAzureIdentity {REFUSED}/gitlab needs a person (NotPermitted)."
    assert "GitLabAzureIdentityOperatorDown" not in states()
    assert "GitLabAzureIdentityNoLeader" not in states()
