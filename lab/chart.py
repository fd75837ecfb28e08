"""The operator's Helm chart, rendered for the lab."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab.azure import seeded
from lab.errors import LabError
from lab.places import ROOT

RELEASE = "gitlab-azure-identity"
"""The operator's Helm release, namespace and service account. The operator's own identity trusts this service account."""
FIELD_MANAGER = "helm"
"""Helm 4's own, so that it finds no field of another's when it takes the objects over."""

Manifest = dict[str, Any]


def render(helm: Path, namespaces: Sequence[str], extra: Sequence[str] = ()) -> list[Manifest]:
    """The manifests that Helm installs with the lab's values; a hook is none of them. They belong to the release, so
    `helm install` takes them over. Raises LabError with Helm's message."""
    command = [
        str(helm), "template", RELEASE, str(ROOT / "charts" / RELEASE), "--no-hooks",
        "--namespace", RELEASE,
        "--values", str(ROOT / "lab" / "values.yaml"),
        "--set", f"namespaces={{{','.join(namespaces)}}}",
        "--set", f"azure.clientId={seeded.OPERATOR_CLIENT}",
        *extra,
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ran.returncode != 0:
        raise LabError(f"The operator's chart could not be rendered: {ran.stderr.strip()}")
    return [_of_release(manifest) for manifest in yaml.safe_load_all(ran.stdout) if manifest]


def _of_release(manifest: Manifest) -> Manifest:
    """With the annotations that Helm gives what it installs. A template has none."""
    owner = {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": RELEASE}
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **owner}}}


def settings_file(manifests: Iterable[Manifest]) -> str:
    """The text of settings.yaml in the chart's ConfigMap."""
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and "settings.yaml" in manifest.get("data", {}):
            return str(manifest["data"]["settings.yaml"])
    raise LabError("The operator's chart renders no ConfigMap with settings.yaml.")


def without_deployment(manifests: Iterable[Manifest]) -> list[Manifest]:
    """What a lab applies: it has no node that would run the pods of the Deployment."""
    return [manifest for manifest in manifests if manifest["kind"] != "Deployment"]


def namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def in_namespace(manifests: Iterable[Manifest], name: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["metadata"].get("namespace") == name]
