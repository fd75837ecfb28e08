"""docs/gitlab-operator.md and its example. The GitLab Operator itself is not here: the test has its resource and its account."""

import json
from collections.abc import Iterator

import pytest
import yaml

from lab.azure import seeded
from tests.integration.behind import CLIENT_ID, annotations, create_service_account
from tests.integration.resources import GitLab
from tests.integration.test_webhook import LABEL, create_pod

from .person import NAMESPACE, Person

ACCOUNT = "gitlab-app-nonroot"

# A GitLab resource holds whatever values the chart takes.
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CHART = {"type": "object", "properties": {"version": {"type": "string"}, "values": FREE}}
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"chart": CHART}}}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gitlabs.apps.gitlab.com"},
    "spec": {
        "group": "apps.gitlab.com",
        "scope": "Namespaced",
        "names": {"kind": "GitLab", "plural": "gitlabs", "singular": "gitlab"},
        "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}


@pytest.fixture
def with_gitlab_operator(person: Person, gitlab: GitLab) -> Iterator[GitLab]:
    """What the GitLab Operator brings along: the kind of its resource, and its service account."""
    person.lab.kubectl("apply", "-f", "-", stdin=json.dumps(DEFINITION))
    person.lab.kubectl("wait", "--for=condition=Established", "crd/gitlabs.apps.gitlab.com")
    create_service_account(gitlab, ACCOUNT)
    yield gitlab
    person.lab.kubectl("delete", "crd/gitlabs.apps.gitlab.com")
    person.lab.kubectl("delete", "-n", NAMESPACE, f"serviceaccount/{ACCOUNT}")


def values(person: Person) -> dict[str, dict[str, object]]:
    shown = person.lab.kubectl("get", "-n", NAMESPACE, "gitlabs.apps.gitlab.com/gitlab", "-o", "json")
    found: dict[str, dict[str, object]] = json.loads(shown)["spec"]["chart"]["values"]
    return found


def test_the_pods_of_the_gitlab_operator_reach_the_storage(person: Person, with_gitlab_operator: GitLab) -> None:
    gitlab = with_gitlab_operator
    person.lab.kubectl("apply", "-f", str(person.folder / "examples" / "gitlab-operator.yaml"))
    gitlab.uid = gitlab.live()["metadata"]["uid"]

    ready = gitlab.ready()

    client_id = ready["status"]["identity"]["clientId"]
    assert annotations(gitlab, ACCOUNT)[CLIENT_ID] == client_id
    assert "serviceAccount" not in values(person)["global"]

    name = create_pod(gitlab, ACCOUNT, **{LABEL: "true"})
    shown = person.runs(
        "kubectl -n gitlab get pods -o custom-columns=POD:.metadata.name,ACCOUNT:.spec.serviceAccountName"
    )
    assert [name, ACCOUNT] in [line.split() for line in shown.splitlines()]
    listed = gitlab.azcopy_list(name)
    assert seeded.BLOB_NAME in listed.stdout
    person.lab.kubectl("delete", "-n", NAMESPACE, f"pod/{name}")


def test_the_values_are_added_to_those_of_a_person(person: Person, with_gitlab_operator: GitLab) -> None:
    identity, theirs = yaml.safe_load_all((person.folder / "examples" / "gitlab-operator.yaml").read_text())
    own = {"global": {"hosts": {"domain": "example.org"}}}
    theirs["spec"]["chart"]["values"] = own
    person.lab.kubectl(
        "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [identity, theirs]})
    )
    gitlab = with_gitlab_operator
    gitlab.uid = gitlab.live()["metadata"]["uid"]
    gitlab.ready()

    person.runs("kubectl gai values gitlab -n gitlab --for gitlab-operator > values.yaml")
    person.runs("kubectl -n gitlab patch gitlab gitlab --type merge --patch-file values.yaml")

    written = yaml.safe_load(gitlab.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"])
    assert values(person) == written | {"global": {**written["global"], **own["global"]}}
