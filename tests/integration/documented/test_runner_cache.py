"""docs/runner-cache.md followed: the namespace admitted, the resource applied, and the runner's chart given its values.

A small chart is in the place of the runner's: it reads the values as the manager's Deployment of chart 0.86 does.
"""

from collections.abc import Iterator

import pytest
import yaml

from lab import chart
from lab.azure import seeded
from tests.docs.markdown import page
from tests.integration.behind import until
from tests.integration.operating import Operator
from tests.integration.resources import GitLab
from tests.integration.watching import Watch

from .person import Person

NAMESPACE = "gitlab-runner"
UPGRADE = (
    "helm upgrade --install gitlab-azure-identity charts/gitlab-azure-identity --namespace gitlab-azure-identity "
    "--create-namespace --values operator-values.yaml"
)
RUNNER_CHART = {
    "Chart.yaml": "{apiVersion: v2, name: gitlab-runner, version: 0.86.0}",
    "values.yaml": "{serviceAccount: {}, podLabels: {}, extraEnv: {}}",
    "templates/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: gitlab-runner}
spec:
  selector: {matchLabels: {app: gitlab-runner}}
  template:
    metadata:
      labels:
        app: gitlab-runner
        release: {{ .Release.Name | quote }}
        {{- tpl (toYaml .Values.podLabels) . | nindent 8 }}
    spec:
      {{- if hasKey .Values "automountServiceAccountToken" }}
      automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
      {{- end }}
      serviceAccountName: {{ .Values.serviceAccount.name | quote }}
      containers:
        - name: gitlab-runner
          image: gitlab-runner
          env:
          {{- range $key, $value := .Values.extraEnv }}
            - name: {{ $key }}
              value: {{ $value | quote }}
          {{- end }}
""",
}


@pytest.fixture(scope="module")
def runner(person: Person, operator: Operator, watch: Watch, client_id: str) -> Iterator[GitLab]:
    """The example for runners, Ready, in a namespace that the operator was upgraded to admit."""
    file = person.folder / "operator-values.yaml"
    before = file.read_text(encoding="utf-8")
    values = yaml.safe_load(before)
    ([rule], *_) = map(yaml.safe_load, page("docs/runner-cache.md").blocks("yaml"))
    values["namespaces"].append(NAMESPACE)
    values["settings"]["policy"].append(rule)
    person.runs("kubectl create namespace gitlab-runner")
    _upgrade(person, operator, client_id, yaml.safe_dump(values))
    resource = GitLab(person.lab, watch, NAMESPACE, "gitlab-runner")
    person.runs(
        "az storage container create --auth-mode login --account-name gitlabstore --name runner-cache",
    )
    person.runs("kubectl apply -f examples/runner-cache.yaml")
    resource.uid = resource.live()["metadata"]["uid"]
    person.runs("kubectl -n gitlab-runner wait --for=condition=Ready gai/gitlab-runner --timeout=45m")
    yield resource
    resource.delete()
    _upgrade(person, operator, client_id, before)


def _upgrade(person: Person, operator: Operator, client_id: str, values: str) -> None:
    (person.folder / "operator-values.yaml").write_text(values, encoding="utf-8")
    person.shell(UPGRADE)
    installed = person.lab.api.get(f"/api/v1/namespaces/{chart.RELEASE}/configmaps/{chart.RELEASE}")["data"]
    policy = yaml.safe_load(installed["settings.yaml"])["policy"]
    operator.restart({"AZURE_CLIENT_ID": client_id}, policy=policy)


def test_the_runner_manager_gets_identity_and_cache(person: Person, runner: GitLab) -> None:
    for name, text in RUNNER_CHART.items():
        file = person.folder / "gitlab" / "gitlab-runner" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (person.folder / "my-values.yaml").write_text("{extraEnv: {CACHE_PATH: mine}}")

    person.runs(
        "kubectl -n gitlab-runner get cm gitlab-runner-gitlab-values -o jsonpath='{.data.gitlab-runner-values\\.yaml}' | "
        "helm upgrade --install gitlab-runner gitlab/gitlab-runner --namespace gitlab-runner -f my-values.yaml -f -"
    )

    pods = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3Dgitlab-runner"
    until(lambda: runner.lab.api.get(pods)["items"], "the manager's pod")
    (pod,) = runner.lab.api.get(pods)["items"]
    environment = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert environment["AZURE_CLIENT_ID"] == runner.live()["status"]["identity"]["clientId"]
    assert {name: value for name, value in environment.items() if name.startswith("CACHE_")} == {
        "CACHE_PATH": "mine",
        "CACHE_TYPE": "azure",
        "CACHE_AZURE_ACCOUNT_NAME": "gitlabstore",
        "CACHE_AZURE_CONTAINER_NAME": "runner-cache",
        "CACHE_AZURE_STORAGE_DOMAIN": "blob.core.windows.net",
    }
    mounted = [mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" in mounted, "the manager creates job pods"
    runner.condition("WorkloadsReady", "True", "Current")
    name = pod["metadata"]["name"]
    assert runner.azcopy_list(name, "runner-cache").returncode == 0
    assert "AuthorizationPermissionMismatch" in runner.azcopy_list(name, seeded.BLOB_CONTAINER).stdout
    person.shell("helm uninstall gitlab-runner -n gitlab-runner --wait")


def test_the_same_values_are_there_without_a_cluster(person: Person, runner: GitLab) -> None:
    written = runner.fetch("configmap", "gitlab-runner-gitlab-values")["data"]["gitlab-runner-values.yaml"]

    assert person.runs("kubectl gai values -f examples/runner-cache.yaml --for gitlab-runner") == written
