"""The chart as Helm renders it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "gitlab-azure-identity"
RELEASE = NAMESPACE = "gitlab-azure-identity"

Values = Mapping[str, object]
Document = dict[str, Any]

# Only the required values.
MINIMAL: Values = {
    "namespaces": ["gitlab"],
    "azure": {"clientId": "8a2f3c1e-0b4d-4e6f-9a7b-1c2d3e4f5a6b"},
    "image": {"repository": "example.azurecr.io/gitlab-azure-identity"},
    "settings": {"cluster": "prod"},
}


@dataclass(frozen=True)
class Rendered:
    """The objects that Helm would apply to the cluster."""

    documents: tuple[Document, ...]

    def all(self, kind: str) -> list[Document]:
        return [document for document in self.documents if document["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> Document:
        """The only object of that kind, and of that name if one is given."""
        found = [d for d in self.all(kind) if name is None or d["metadata"]["name"] == name]
        assert len(found) == 1, [(d["kind"], d["metadata"]["name"]) for d in self.documents]
        return found[0]

    @property
    def pod(self) -> Document:
        pod: Document = self.one("Deployment")["spec"]["template"]
        return pod

    @property
    def settings(self) -> Document:
        found: Document = yaml.safe_load(self.one("ConfigMap")["data"]["settings.yaml"])
        return found


def parsed(done: subprocess.CompletedProcess[str]) -> Rendered:
    """What Helm has rendered."""
    assert done.returncode == 0, done.stderr
    return Rendered(tuple(d for d in yaml.safe_load_all(done.stdout) if d))


@dataclass(frozen=True)
class Helm:
    """The helm command, run on this chart."""

    program: Path
    scratch: Path

    def run(self, *arguments: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(self.program), *arguments, "--namespace", NAMESPACE]
        if values is not None:
            # JSON quotes every string. PyYAML would not quote 1e5, and Go would read a number.
            file = self.scratch / "values.json"
            file.write_text(json.dumps(dict(values)), encoding="utf-8")
            command += ["--values", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def template(self, **values: object) -> Rendered:
        """Render with the required values and these. A value given here replaces the required one."""
        return parsed(self.run("template", RELEASE, str(CHART), values={**MINIMAL, **values}))

    def refusal(self, **values: object) -> str:
        """Helm's error when it renders with exactly these values. Fails if Helm renders them."""
        done = self.run("template", RELEASE, str(CHART), values=values)
        assert done.returncode != 0, "Helm rendered what it should have refused"
        return done.stderr
