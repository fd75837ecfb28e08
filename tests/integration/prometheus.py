"""A real Prometheus that scrapes the operator."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.cluster import free_ports

from .behind import until
from .operating import Operator

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yaml"


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    port: int

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer."""
        where = f"{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{where}", timeout=5) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression as it is now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float:
        """The value of an expression with one series."""
        (series,) = self.query(expression)
        return float(series["value"][1])

    def alerts(self) -> dict[str, dict[str, Any]]:
        """The rules of the alerts, by their names."""
        return {rule["name"]: rule for group in self.ask("rules", type="alert")["groups"] for rule in group["rules"]}


@contextmanager
def scraping(operator: Operator, folder: Path) -> Iterator[Prometheus]:
    """Start a Prometheus that asks the operator every second, with the project's alerts."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "gitlab-azure-identity",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{operator.port}"]}],
            }
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            prometheus = Prometheus(port)
            until(lambda: _up(prometheus), "Prometheus scrapes the operator")
            yield prometheus
        finally:
            process.kill()


def _up(prometheus: Prometheus) -> bool:
    try:
        return [series["value"][1] for series in prometheus.query("up")] == ["1"]
    except (urllib.error.URLError, ConnectionError):
        return False
