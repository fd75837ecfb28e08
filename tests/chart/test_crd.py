"""The custom resource definition in the chart."""

from __future__ import annotations

import yaml

from .rendering import CHART, ROOT, Helm, Rendered

SOURCE = ROOT / "crds" / "gitlabazure.io_gitlabazureidentities.yaml"


def test_the_charts_copy_is_the_generated_definition() -> None:
    copy = CHART / "files" / "crd.yaml"

    assert copy.read_text(encoding="utf-8") == SOURCE.read_text(encoding="utf-8"), "differs: `make crd` writes both"


def test_helm_changes_only_labels_and_the_keep_annotation_of_the_crd(minimal: Rendered) -> None:
    rendered = minimal.one("CustomResourceDefinition")
    source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    metadata, original = rendered["metadata"], source["metadata"]

    assert {**rendered, "metadata": None} == {**source, "metadata": None}
    assert metadata["name"] == original["name"]
    assert metadata["labels"].items() >= original.get("labels", {}).items()
    assert metadata["annotations"] == {**original.get("annotations", {}), "helm.sh/resource-policy": "keep"}


def test_the_crd_is_deleted_with_the_release_only_if_keep_is_false(helm: Helm) -> None:
    metadata = helm.template(crds={"keep": False}).one("CustomResourceDefinition")["metadata"]

    assert "helm.sh/resource-policy" not in metadata.get("annotations", {})


def test_the_chart_can_leave_the_crd_out(helm: Helm) -> None:
    assert not helm.template(crds={"enabled": False}).all("CustomResourceDefinition")
