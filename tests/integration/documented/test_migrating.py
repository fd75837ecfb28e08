"""docs/migrating.md, step by step: a GitLab that has access keys, and whose pods never lose their storage on the way.

GitLab's chart cannot be had here. tests/integration/gitlab_chart renders what it renders for its storage.
"""

import json
import shutil
from collections.abc import Iterator

import pytest
import yaml

from lab.azure import seeded
from tests.docs.markdown import page
from tests.integration.behind import create, create_container, reasons, until
from tests.integration.nodes import GITLAB_CHART, SECRETS, Node, values_with_keys, with_key
from tests.integration.operating import STORAGE
from tests.integration.owner import stalled
from tests.integration.resources import GitLab

from .person import NAMESPACE, Person

RESOURCE, IN_PLACE = page("docs/migrating.md").blocks("yaml")
REGISTRY, ARTIFACTS, BACKUPS = "gitlab-registry-storage", "gitlab-artifacts-storage", "gitlab-backups"


@pytest.fixture
def node(person: Person, gitlab: GitLab) -> Iterator[Node]:
    """A GitLab whose secrets have the account's access key. Its pods run."""
    lab, account = person.lab, f"{STORAGE}/{seeded.BLOB_ACCOUNT}"
    for container in (REGISTRY, ARTIFACTS):
        create_container(lab, container)
    (key, _) = json.loads(person.runs("az storage account keys list --account-name gitlabstore"))
    texts = with_key(key["value"], REGISTRY, rootdirectory="/registry", trimlegacyrootprefix=True)
    for name, data in zip(SECRETS, texts, strict=True):
        create(gitlab, "Secret", name, {"stringData": data})
    repository = person.folder / "gitlab"
    shutil.rmtree(repository, ignore_errors=True)
    shutil.copytree(GITLAB_CHART, repository / "gitlab")
    (person.folder / "my-values.yaml").write_text(yaml.safe_dump(values_with_keys(REGISTRY, ARTIFACTS)))
    person.shell("helm install gitlab gitlab/gitlab --namespace gitlab -f my-values.yaml")
    node = Node(
        gitlab,
        {"storage/config": REGISTRY, "objectstorage/object_store": ARTIFACTS, "objectstorage/azure_config": BACKUPS},
    )
    node.settle("GitLab's pods")
    yield node
    person.shell("helm uninstall gitlab -n gitlab --wait")
    shutil.rmtree(repository)
    lab.arm("PATCH", account, {"properties": {"allowSharedKeyAccess": True}})


def switch_over(person: Person) -> None:
    person.runs(
        "kubectl -n gitlab get cm gitlab-gitlab-values -o jsonpath='{.data.values\\.yaml}' | "
        "helm upgrade gitlab gitlab/gitlab --namespace gitlab -f my-values.yaml -f -"
    )


def test_a_gitlab_with_access_keys_is_moved_to_the_identity_and_its_pods_never_lose_access(
    person: Person, gitlab: GitLab, node: Node
) -> None:
    def access() -> set[str]:
        """How the pods that run reach their storage. None may have lost it."""
        assert node.without_access() == []
        return {"key" if node.uses_key(pod) else "identity" for pod in node.running()}

    assert len(node.running()) == 4
    assert access() == {"key"}

    # 1 and 2: the resource describes what the values and the old secret say
    old = person.runs(
        "kubectl -n gitlab get secret <registry secret> -o jsonpath='{.data.config}' | base64 -d",
        registry_secret="registry-storage",
    )
    values = yaml.safe_load(person.runs("helm -n gitlab get values gitlab --all").partition("\n")[2])
    storage = yaml.safe_load(RESOURCE)["spec"]
    assert storage["storage"]["containers"]["registry"]["name"] == values["global"]["registry"]["bucket"]
    assert storage["storage"]["containers"]["artifacts"]["name"] == values["global"]["appConfig"]["artifacts"]["bucket"]

    # 3 and 4
    (person.folder / "gitlab.yaml").write_text(RESOURCE)
    person.runs("kubectl apply -f gitlab.yaml")
    gitlab.uid = gitlab.live()["metadata"]["uid"]
    person.runs("kubectl -n gitlab wait --for=condition=Ready gai/gitlab --timeout=45m")
    assert access() == {"key"}

    # 5: every pod that starts on the way has access, and so has every pod that is still there
    (person.folder / "my-values.yaml").write_text("{}")
    switch_over(person)
    assert access() == {"key"}
    node.settle("the new pods")
    assert access() == {"identity"}

    # 6: no key is left, and the registry's folders are the same
    connection = person.runs(
        "kubectl -n gitlab get secret gitlab-object-storage -o jsonpath='{.data.connection}' | base64 -d"
    )
    assert "azure_storage_access_key" not in connection
    registry = person.runs(
        "kubectl -n gitlab get secret gitlab-registry-storage -o jsonpath='{.data.config}' | base64 -d"
    )
    before, after = yaml.safe_load(old)["azure"], yaml.safe_load(registry)
    kept = ("accountname", "container", "realm", "rootdirectory", "legacyrootprefix", "trimlegacyrootprefix")
    assert {key: after["azure_v2"].get(key) for key in kept} == {key: before.get(key) for key in kept}

    # back, and forth again
    person.runs("helm rollback gitlab -n gitlab")
    node.settle("the former pods")
    assert access() == {"key"}
    switch_over(person)
    node.settle("the new pods again")

    # 7
    person.runs("az storage account update --name gitlabstore --allow-shared-key-access false")
    person.runs("kubectl -n gitlab delete secret <old secrets>", old_secrets=" ".join(SECRETS))
    assert len(node.running()) == 4
    assert access() == {"identity"}
    person.shell(f"kubectl -n {NAMESPACE} rollout restart deployment --selector release=gitlab")
    node.settle("pods that start without the old secrets")
    assert access() == {"identity"}


def test_secrets_with_access_keys_are_moved_in_place_and_no_pod_loses_access(
    person: Person, gitlab: GitLab, node: Node
) -> None:
    # 1 and 2
    (person.folder / "gitlab.yaml").write_text(IN_PLACE)
    person.runs(
        "kubectl -n gitlab annotate secret registry-storage rails-storage backup-storage gitlabazure.io/adopt-by=gitlab"
    )
    planned = person.is_refused("kubectl gai plan -f gitlab.yaml")
    person.runs("kubectl apply -f gitlab.yaml")
    gitlab.uid = gitlab.live()["metadata"]["uid"]
    message = stalled(gitlab, "AwaitingWorkloads")
    assert "~ secret registry-storage (key config, without azure.accountkey)" in planned
    assert "SecretsWritten AwaitingWorkloads" in planned
    assert node.without_access() == []

    # 3
    version = " --version 9.9.1"
    assert message.endswith(version)
    person.runs(
        "kubectl -n gitlab get cm gitlab-gitlab-values -o jsonpath='{.data.values\\.yaml}' | "
        "helm upgrade gitlab gitlab/gitlab --namespace gitlab --reuse-values -f -"
    )
    node.settle("pods that carry the identity")

    # 4: those that run use the key that they started with
    person.runs("kubectl -n gitlab wait --for=condition=Ready gai/gitlab --timeout=45m")
    assert node.without_access() == []
    until(lambda: "AccessKeyRemoved" in reasons(gitlab), "the event")
    (event,) = [event["message"] for event in gitlab.events() if event["reason"] == "AccessKeyRemoved"]

    # 5
    restarted = person.follows(event, "kubectl -n {} rollout restart deployment --selector release={}")
    assert "deployment.apps/gitlab-registry restarted" in restarted
    node.settle("pods without a key")
    assert not any(node.uses_key(pod) for pod in node.running())

    # 6
    person.shell("az storage account update --name gitlabstore --allow-shared-key-access false")
    assert len(node.running()) == 4
    assert node.without_access() == []
