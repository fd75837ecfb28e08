"""What the chart renders, as an API server judges it: every combination of its values, in a namespace that admits restricted pods
only. Nothing is created, and nothing may be warned of."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.running import Lab, ToolError
from tests.chart import matrix
from tests.chart.rendering import MINIMAL, NAMESPACE, Document, Helm

from .prometheus_operator import DEFINITIONS

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


@pytest.fixture(scope="module")
def restricted(lab: Lab) -> Iterator[Lab]:
    """The operator's namespace admits restricted pods only, and the cluster knows the Prometheus Operator's kinds."""
    lab.apply([*DEFINITIONS, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gitlab-staging"}}])
    namespace = f"/api/v1/namespaces/{NAMESPACE}"
    lab.api.patch(namespace, {"metadata": {"labels": RESTRICTED}})
    for found in DEFINITIONS:
        lab.kubectl("wait", "--for=condition=Established", f"crd/{found['metadata']['name']}")
    yield lab
    lab.api.patch(namespace, {"metadata": {"labels": dict.fromkeys(RESTRICTED)}})
    lab.kubectl("delete", "crd", *(found["metadata"]["name"] for found in DEFINITIONS))


@pytest.fixture(scope="module")
def helm(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(Path(lab.tool("helm")), tmp_path_factory.mktemp("helm"))


def pods(documents: tuple[Document, ...]) -> Iterator[Document]:
    """The pods that controllers would create. Their service accounts do not exist, so they have the namespace's own."""
    for each in documents:
        if each["kind"] in ("Deployment", "Job"):
            template = each["spec"]["template"]
            spec = {**template["spec"], "serviceAccountName": "default"}
            metadata = {**template["metadata"], "name": each["metadata"]["name"], "namespace": NAMESPACE}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def judged(lab: Lab, documents: list[Document]) -> str:
    """What the API server would do. Raises ToolError for a refusal, an unknown field, and a warning."""
    return lab.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict"),
        *("--warnings-as-errors", "-f", "-"),
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}),
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=matrix.title(case)) for case in matrix.cases()])
def test_the_api_server_takes_every_rendering(restricted: Lab, helm: Helm, case: dict[str, int]) -> None:
    documents = helm.template(**matrix.values(case)).documents
    everything = [*documents, *pods(documents)]

    answer = judged(restricted, everything)

    assert answer.count("serverside-applied (server dry run)") == len(everything)


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"securityContext": {"allowPrivilegeEscalation": True}}, 'violates PodSecurity "restricted'),
        ({"affinity": {"nodeAffinities": {}}}, 'unknown field "nodeAffinities"'),
    ],
)
def test_it_would_refuse_a_rendering_that_is_wrong(
    restricted: Lab, helm: Helm, values: dict[str, Any], refusal: str
) -> None:
    """So the test above can fail."""
    documents = helm.template(**{**MINIMAL, **values}).documents

    with pytest.raises(ToolError, match=refusal):
        judged(restricted, [*documents, *pods(documents)])
