"""The commands about GitLab's own chart, with a small one in its place: it takes the values that the operator writes.

The lab has no kubelet. A command that needs one is answered by the API server: the pod has no host.
"""

from collections.abc import Iterator

import pytest
import yaml

from lab.azure import seeded
from tests.integration.behind import reasons, until
from tests.integration.resources import GitLab
from tests.integration.test_webhook import LABEL, create_pod

from .person import NAMESPACE, Person

GITLAB_CHART = {
    "Chart.yaml": "{apiVersion: v2, name: gitlab, version: 9.0.0}",
    # What of GitLab's chart these commands meet: the toolbox, with the values that the operator writes.
    "templates/toolbox.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: gitlab-toolbox, labels: {release: gitlab}}
spec:
  selector: {matchLabels: {app: toolbox}}
  template:
    metadata:
      labels:
        app: toolbox
        release: {{ .Release.Name }}
        {{- with .Values.gitlab.toolbox.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .Values.global.serviceAccount.name }}
      containers: [{name: toolbox, image: gitlab-toolbox}]
""",
}


@pytest.fixture
def with_chart(person: Person, ready: GitLab) -> Iterator[GitLab]:
    """GitLab, installed with the operator's values."""
    for name, text in GITLAB_CHART.items():
        file = person.folder / "gitlab" / "gitlab" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (person.folder / "my-values.yaml").write_text("{}")
    person.runs(
        "kubectl -n gitlab get cm gitlab-gitlab-values -o jsonpath='{.data.values\\.yaml}' | "
        "helm upgrade --install gitlab gitlab/gitlab --namespace gitlab -f my-values.yaml -f -"
    )
    yield ready
    person.shell("helm uninstall gitlab -n gitlab --wait")


def test_gitlab_gets_the_values(person: Person, with_chart: GitLab) -> None:
    values = yaml.safe_load(
        person.runs("kubectl -n gitlab get cm gitlab-gitlab-values -o jsonpath='{.data.values\\.yaml}'")
    )
    shown = person.runs("helm -n gitlab get values gitlab --all")

    assert yaml.safe_load(shown.partition("\n")[2])["global"] == values["global"]
    assert 'azure.workload.identity/use: "true"' in person.runs(
        "helm -n gitlab get values gitlab | grep workload.identity"
    )


def test_gitlabs_pods_use_the_service_account_and_are_restarted(person: Person, with_chart: GitLab) -> None:
    def pods() -> dict[str, str]:
        shown = person.runs(
            "kubectl -n gitlab get pods -o custom-columns=POD:.metadata.name,ACCOUNT:.spec.serviceAccountName"
        )
        return dict(line.split() for line in shown.splitlines()[1:])

    until(lambda: list(pods().values()) == ["gitlab"], "the toolbox's pod")
    (before,) = pods()

    person.runs("kubectl -n gitlab rollout restart deployment --selector release=gitlab")

    until(lambda: pods().keys() - {before}, "another pod")


def test_a_pod_is_asked_for_its_variables_and_for_a_list_of_blobs(person: Person, with_chart: GitLab) -> None:
    """Both need a kubelet. What the second runs in the pod is run with the pod's environment."""
    until(lambda: person.shell("kubectl -n gitlab get pods --selector app=toolbox -o name"), "the toolbox's pod")

    assert "does not have a host" in person.is_refused(
        "kubectl -n gitlab exec deploy/gitlab-toolbox -- env | grep AZURE_"
    )
    assert "does not have a host" in person.is_refused(
        "kubectl -n gitlab exec -it deploy/gitlab-toolbox -- bash -c "
        "'AZCOPY_AUTO_LOGIN_TYPE=workload azcopy --log-level debug list "
        "https://<account>.blob.core.windows.net/<container>'",
        account=seeded.BLOB_ACCOUNT,
        container=seeded.BLOB_CONTAINER,
    )

    name = create_pod(with_chart, **{LABEL: "true"})
    in_pod = Person(person.lab, person.folder, person.lab.pod_env(NAMESPACE, name))
    listed = in_pod.runs(
        "AZCOPY_AUTO_LOGIN_TYPE=workload azcopy list https://gitlabstore.blob.core.windows.net/registry"
    )
    assert seeded.BLOB_NAME in listed
    assert seeded.BLOB_NAME in in_pod.shell(
        "AZCOPY_AUTO_LOGIN_TYPE=workload azcopy --log-level debug list https://gitlabstore.blob.core.windows.net/registry"
    )


def test_the_message_about_another_client_id_restarts_the_pods(person: Person, with_chart: GitLab) -> None:
    (identity,) = with_chart.identities()
    assert with_chart.azure("DELETE", identity["id"])[0] == 200
    with_chart.reconcile_now()
    until(lambda: "ClientIdChanged" in reasons(with_chart), "the event")
    (event,) = [event for event in with_chart.events() if event["reason"] == "ClientIdChanged"]

    restarted = person.follows(event["message"], "kubectl -n {} rollout restart deployment --selector release=gitlab")

    assert "deployment.apps/gitlab-toolbox restarted" in restarted


def test_the_message_about_a_missing_label_gives_the_chart_the_values(person: Person, with_chart: GitLab) -> None:
    label = "gitlab.toolbox.podLabels.azure\\.workload\\.identity/use=false"
    person.shell(f"helm upgrade gitlab gitlab/gitlab -n gitlab --reuse-values --set-string '{label}'")
    with_chart.condition("WorkloadsReady", "False", "NotLabelled")
    message = person.runs(
        "kubectl -n gitlab get gai gitlab -o jsonpath='{.status.conditions[?(@.type==\"WorkloadsReady\")].message}'"
    )

    person.follows(
        message,
        "kubectl -n {} get cm {} -o jsonpath='{.data.values\\.yaml}' | helm upgrade {} gitlab/gitlab --namespace {} "
        "--reuse-values -f -",
    )

    assert 'azure.workload.identity/use: "true"' in person.runs(
        "helm -n gitlab get values gitlab | grep workload.identity"
    )
    person.runs(
        "kubectl -n gitlab get cm gitlab-gitlab-values -o jsonpath='{.data.values\\.yaml}' | "
        "helm upgrade gitlab gitlab/gitlab --namespace gitlab --reuse-values -f -"
    )
    assert "gitlab" in person.runs("helm list -n gitlab")
    person.shell("kubectl -n gitlab rollout pause deployment/gitlab-toolbox")
    assert "resumed" in person.runs("kubectl -n gitlab rollout resume deployment/gitlab-toolbox")
    assert "restarted" in person.runs("kubectl -n gitlab rollout restart deployment/gitlab-toolbox")


def test_the_message_about_pods_that_the_webhook_did_not_change_restarts_them(
    person: Person, with_chart: GitLab
) -> None:
    """As when the webhook was installed after GitLab: its registration is missing while the pods are made."""
    with_chart.condition("WorkloadsReady", "True", "Current")
    hooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    (registered,) = person.lab.api.get(hooks)["items"]
    name = registered["metadata"]["name"]
    person.lab.api.delete(f"{hooks}/{name}")
    person.shell("kubectl -n gitlab delete pod -l app=toolbox --force")
    found = with_chart.condition("WorkloadsReady", "False", "NotInjected")
    message = next(one["message"] for one in found["status"]["conditions"] if one["type"] == "WorkloadsReady")
    person.lab.api.post(hooks, {"metadata": {"name": name}, "webhooks": registered["webhooks"]})

    assert name in person.follows(message, "kubectl get mutatingwebhookconfigurations")
    assert "restarted" in person.follows(message, "kubectl -n {} rollout restart {}")
