"""deploy/prometheus and deploy/grafana: the alerts are right, told, and the same in the chart; the dashboard is whole."""

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from gitlab_azure_identity import metrics
from gitlab_azure_identity.domain.causes.alerts import CHAPTER

from .commands import CHART
from .markdown import ROOT, page

PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
RULES = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text(encoding="utf-8"))
_RULES = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in _RULES if "alert" in rule}
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
SHOWING = [panel for panel in PANELS if panel["type"] != "row"]
_METRIC = re.compile(r"\b(?:gitlab_azure_identity|controller_runtime|workqueue|leader_election|process)_\w+")


def promtool(*arguments: str) -> str:
    """What promtool says. It must not find fault."""
    ran = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_takes_the_alerts() -> None:
    assert f"{len(_RULES)} rules found" in promtool("check", "rules", "rules.yaml")


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", "rules_test.yaml")


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tested_when_it_fires_just_before_and_when_nothing_is_wrong(alert: str) -> None:
    cases = yaml.safe_load((PROMETHEUS / "rules_test.yaml").read_text(encoding="utf-8"))["tests"]
    fired = [
        bool(test["exp_alerts"]) for case in cases for test in case["alert_rule_test"] if test["alertname"] == alert
    ]
    quiet = {test["alertname"] for test in cases[0]["alert_rule_test"]}
    assert any(fired)
    assert not all(fired)
    assert alert in quiet


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == alert.lower()
    assert anchor in page(path).anchors


def test_the_page_has_no_other_alerts() -> None:
    assert [cause.heading for cause in CHAPTER.causes] == list(ALERTS)


@pytest.mark.parametrize("file", [PROMETHEUS / "rules.yaml", GRAFANA / "dashboard.json"], ids=lambda file: file.name)
def test_the_chart_has_the_same_file(file: Any) -> None:
    assert (CHART / "files" / file.name).read_bytes() == file.read_bytes(), "run `make dashboards`"


# the dashboard


def _known() -> set[str]:
    """The names of all series that the operator may have."""
    metrics.start_at_zero()
    families = [family for family in REGISTRY.collect() if _METRIC.match(family.name)]
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    return {f"{family.name}{suffix}" for family in families for suffix in suffixes.get(family.type, ("",))}


def expressions() -> Iterator[str]:
    for panel in SHOWING:
        yield from (target["expr"] for target in panel["targets"])


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    named = set(_METRIC.findall(" ".join([*expressions(), *(rule["expr"] for rule in _RULES)])))
    assert named - _known() == set()


def test_the_dashboard_shows_every_metric_of_the_operator() -> None:
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in _METRIC.findall(" ".join(expressions()))}
    own = {re.sub(r"_(bucket|count|sum)$", "", name) for name in _known() if not name.startswith("process_")}
    assert own - shown == set()


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


@pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_asks_the_chosen_prometheus(panel: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["description"].endswith(".")
    assert panel["datasource"] == chosen
    assert all(target["datasource"] == chosen for target in panel["targets"])
    assert [target["refId"] for target in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]


def test_variables_of_the_dashboard_are_defined() -> None:
    defined = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS)))
    assert used - {"__rate_interval"} == defined
