"""A GitLab whose secrets have access keys, moved in place: its secrets are handed over, and lose their keys when no pod needs
them any more."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.azure import seeded

from .behind import create, create_container, drift, reasons, remove, until
from .nodes import GITLAB_CHART, SECRETS, Node, values_with_keys, with_key
from .operating import STORAGE
from .owner import condition, stalled, standing
from .resources import GitLab

KEYS = ("config", "connection", "config")
NAMES = dict(zip(("registry", "objectStorage", "backups"), SECRETS, strict=True))
THEIRS = {"secrets": {entry: {"name": name} for entry, name in NAMES.items()}}
FILES = {
    "storage/config": "registry",
    "objectstorage/object_store": "gitlab-artifacts",
    "objectstorage/azure_config": "gitlab-backups",
}


def access_key(gitlab: GitLab) -> str:
    """An access key of gitlabstore."""
    listed = gitlab.azure("POST", f"{STORAGE}/{seeded.BLOB_ACCOUNT}/listKeys")[1]
    return str(listed["keys"][0]["value"])


def apply_secrets(gitlab: GitLab, key: str, **registry: object) -> None:
    """`kubectl apply` of a person's three secrets, each with one more key of data."""
    annotations = {"gitlabazure.io/adopt-by": gitlab.name}
    items = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": gitlab.namespace, "annotations": annotations},
            "stringData": {**data, "note": "kept"},
        }
        for name, data in zip(SECRETS, with_key(key, "registry", **registry), strict=True)
    ]
    gitlab.lab.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def texts(gitlab: GitLab) -> list[str]:
    """What the three secrets have under the keys that GitLab reads."""
    return [gitlab.secret(name)[key] for name, key in zip(SECRETS, KEYS, strict=True)]


def version(found: dict[str, Any]) -> int:
    """When the API server wrote an object, in the order of its writes."""
    return int(found["metadata"]["resourceVersion"])


@pytest.fixture
def node(gitlab: GitLab, tmp_path: Path) -> Iterator[Node]:
    """A GitLab with access keys. Its pods run."""
    apply_secrets(gitlab, access_key(gitlab), rootdirectory="/registry", redirect_later="yes")
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(values_with_keys()))
    gitlab.lab.helm("install", "gitlab", str(GITLAB_CHART), "--namespace", gitlab.namespace, "-f", str(values))
    node = Node(gitlab, FILES)
    node.settle("GitLab's pods")
    yield node
    gitlab.lab.helm("uninstall", "gitlab", "--namespace", gitlab.namespace)


def give_values(gitlab: GitLab, folder: Path) -> None:
    """The command in the message: the chart gets the operator's values."""
    values = folder / "operators.yaml"
    values.write_text(gitlab.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"])
    gitlab.lab.helm(
        *("upgrade", "gitlab", str(GITLAB_CHART), "--namespace", gitlab.namespace, "--reuse-values", "-f", str(values))
    )


def test_secrets_lose_their_keys_when_every_pod_that_mounts_them_carries_the_identity(
    gitlab: GitLab, node: Node, tmp_path: Path
) -> None:
    before = texts(gitlab)
    gitlab.lab.controls.clear_calls()

    gitlab.apply(**THEIRS)

    message = stalled(gitlab, "AwaitingWorkloads")
    assert message.startswith(
        "Secrets backup-storage (azure_storage_access_key), rails-storage (azure_storage_access_key), registry-storage "
        "(azure.accountkey) keep their access keys until every pod that mounts one carries the identity. "
    )
    assert 'webservice, sidekiq and toolbox pods lack the label azure.workload.identity/use: "true"' in message
    assert f"helm upgrade gitlab gitlab/gitlab --namespace {gitlab.namespace} --reuse-values -f -" in message
    found = gitlab.condition("AccessVerified", "True")
    assert condition(found, "SecretsWritten")["status"] == "False"
    assert texts(gitlab) == before
    assert node.without_access() == []

    give_values(gitlab, tmp_path)
    while (started := node.start_one()) is None or "toolbox" not in started:
        assert node.without_access() == []
    assert texts(gitlab) == before  # the others lag behind
    assert standing(gitlab)["SecretsWritten"] == "False AwaitingWorkloads"
    node.settle("pods that carry the identity")
    last_pod = max(version(pod) for pod in node.running())

    ready = gitlab.ready(seconds=60)

    registry, rails, backups = texts(gitlab)
    assert registry == (
        "azure_v2:\n  accountname: 'gitlabstore'\n  container: 'registry'\n  realm: core.windows.net\n"
        "  rootdirectory: /registry\n  redirect_later: 'yes'\n"
        "  credentials_type: default_credentials\n  credentialstype: default_credentials\n"
    )
    assert rails == "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\n"
    assert backups == "azure_storage_account_name: 'gitlabstore'\n"
    assert {gitlab.secret(name)["note"] for name in SECRETS} == {"kept"}
    assert node.without_access() == []  # those that run go on with the key

    # the order of the writes
    dropped = [version(gitlab.fetch("secret", name)) for name in SECRETS]
    proven = min(version(one) for one in gitlab.watch.versions(gitlab.namespace) if _verified(one))
    assert last_pod < min(dropped)
    assert proven < min(dropped) <= max(dropped) < version(ready)
    *_, last_write = [call for call in gitlab.writes() if call.status < 300]
    assert last_write.time < min(call.time for call in gitlab.lab.controls.calls() if "userdelegationkey" in call.query)

    # told, without values
    until(lambda: "AccessKeyRemoved" in reasons(gitlab), "the event")
    (event,) = [event["message"] for event in gitlab.events() if event["reason"] == "AccessKeyRemoved"]
    assert "secret registry-storage no longer has azure.accountkey" in event
    everything = json.dumps([gitlab.events(), gitlab.live(), [gitlab.fetch("secret", name) for name in SECRETS]])
    key = access_key(gitlab)
    assert key not in everything
    assert base64.b64encode(key.encode()).decode()[4:-4] not in everything

    # the next pods have no key
    gitlab.lab.kubectl("-n", gitlab.namespace, "rollout", "restart", "deployment", "--selector", "release=gitlab")
    node.settle("pods without a key")
    assert not any(node.uses_key(pod) for pod in node.running())


def _verified(found: dict[str, Any]) -> bool:
    conditions = found.get("status", {}).get("conditions", ())
    return any((one["type"], one["status"]) == ("AccessVerified", "True") for one in conditions)


def test_a_key_that_somebody_puts_back_is_taken_out_again(gitlab: GitLab) -> None:
    """No pod mounts the secrets, so nobody is waited for. `kubectl apply` of the old files brings the keys back."""
    key = access_key(gitlab)
    apply_secrets(gitlab, key)
    gitlab.apply(**THEIRS).ready()
    assert not any(key in text for text in texts(gitlab))

    apply_secrets(gitlab, key)
    gitlab.reconcile_now()

    gitlab.ready()
    assert not any(key in text for text in texts(gitlab))
    assert "without azure.accountkey" in drift(gitlab)


def test_a_pod_of_somebody_else_that_mounts_a_secret_holds_it_back(gitlab: GitLab) -> None:
    """Whatever its labels are: it would lose its storage. When it is gone, the key goes, by itself."""
    apply_secrets(gitlab, access_key(gitlab))
    volume = {"name": "storage", "secret": {"secretName": SECRETS[1]}}
    mounting = {"name": "main", "image": "job", "volumeMounts": [{"name": "storage", "mountPath": "/storage"}]}
    create(gitlab, "Pod", "by-hand", {"spec": {"containers": [mounting], "volumes": [volume]}})

    gitlab.apply(**THEIRS)

    assert stalled(gitlab, "AwaitingWorkloads").startswith(
        f"Secret {SECRETS[1]} (azure_storage_access_key) keeps its access key until"
    )
    registry, rails, backups = texts(gitlab)
    assert "accountkey" not in registry
    assert "azure_storage_access_key" in rails
    assert "azure_storage_access_key" not in backups

    remove(gitlab, "pod", "by-hand")

    gitlab.ready(seconds=60)
    assert "azure_storage_access_key" not in texts(gitlab)[1]


def test_secrets_stay_without_their_keys_when_the_resource_goes(gitlab: GitLab) -> None:
    apply_secrets(gitlab, access_key(gitlab))
    gitlab.apply(**THEIRS).ready()
    before = texts(gitlab)

    gitlab.delete()

    assert texts(gitlab) == before


def test_access_that_is_not_proven_keeps_the_keys(gitlab: GitLab) -> None:
    key = access_key(gitlab)
    apply_secrets(gitlab, key)
    containers = {"lfs": {"name": f"{gitlab.namespace}-missing"}}

    gitlab.apply(**THEIRS, storage={"accountName": seeded.BLOB_ACCOUNT, "containers": containers})

    stalled(gitlab, "ContainerNotFound")
    assert standing(gitlab)["SecretsWritten"] == "Unknown Pending"
    assert all(key in text for text in texts(gitlab))

    create_container(gitlab.lab, f"{gitlab.namespace}-missing")
    gitlab.reconcile_now()

    gitlab.ready()
    assert not any(key in text for text in texts(gitlab))


ADOPT = {"gitlabazure.io/adopt-by": "gitlab"}
RAILS = "provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: {key}\n"
REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "no YAML": ("a: [", {}, "SecretNotUnderstood", "is not YAML"),
    "another provider": ("provider: AWS\n", {}, "SecretNotUnderstood", "has another provider than AzureRM"),
    "anchors": ("a: &a {{}}\nb: *a\n", {}, "SecretNotUnderstood", "uses anchors of YAML"),
    "a connection string": (
        "provider: AzureRM\nazure_storage_account_name: gitlabstore\nextra: AccountKey={key}\n",
        {},
        "SecretNotUnderstood",
        "has something else that looks like a credential",
    ),
    "another account": (
        RAILS.replace("gitlabstore", "otherstore"),
        {},
        "SecretNotUnderstood",
        "has another storage account than the resource, which says gitlabstore",
    ),
    "an ExternalSecret": (
        RAILS,
        {
            "ownerReferences": [
                {
                    "apiVersion": "external-secrets.io/v1",
                    "kind": "ExternalSecret",
                    "name": "storage",
                    "uid": "3f1f1f1e-0000-4000-8000-000000000000",
                    "controller": True,
                }
            ]
        },
        "NotOwned",
        "is written by ExternalSecret storage",
    ),
    "Flux": (
        RAILS,
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        "NotOwned",
        "is written by Flux, by Kustomization apps",
    ),
    "Argo CD": (
        RAILS,
        {"annotations": {"argocd.argoproj.io/tracking-id": "gitlab:/Secret:gitlab/rails-storage"}},
        "NotOwned",
        "is written by Argo CD, for application gitlab",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_stays_as_it_is_and_the_reason_is_told(gitlab: GitLab, what: str) -> None:
    text, marks, reason, sentence = REFUSED[what]
    key = access_key(gitlab)
    metadata = {**marks, "annotations": {**ADOPT, **marks.get("annotations", {})}}
    content = {"stringData": {"connection": text.format(key=key)}}
    before = create(gitlab, "Secret", SECRETS[1], {"metadata": metadata, **content})

    gitlab.apply(secrets={"objectStorage": {"name": SECRETS[1]}})

    message = stalled(gitlab, reason)
    assert sentence in message
    assert "under another name in spec.secrets: docs/migrating.md#with-new-secrets" in message
    assert key not in json.dumps([gitlab.live(), gitlab.events()])
    assert gitlab.fetch("secret", SECRETS[1]) == before
    assert gitlab.exists("secret", "gitlab-registry-storage")  # the others are written
