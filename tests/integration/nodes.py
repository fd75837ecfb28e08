"""What a node does for GitLab's pods, since the lab has none: it starts them. And what a pod that runs has of its storage."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from lab.errors import LabError

from .behind import until
from .resources import GitLab
from .watching import Object

GITLAB_CHART = Path(__file__).parent / "gitlab_chart"
SLOW = 180
"""Seconds that a rollout may take on a loaded machine: each pod that runs is tried whenever one starts or ends."""
BLOBS = "https://{}.blob.core.windows.net"


SECRETS = ("registry-storage", "rails-storage", "backup-storage")
"""The names of a person's own secrets: of the registry, of Rails and of the backups."""


def values_with_keys(registry: str = "registry", artifacts: str = "gitlab-artifacts") -> dict[str, Any]:
    """The values of a GitLab that uses these secrets."""
    (of_registry, of_rails, of_backups) = SECRETS
    rails = {"enabled": True, "connection": {"secret": of_rails, "key": "connection"}}
    backups = {"objectStorage": {"backend": "azure", "config": {"secret": of_backups, "key": "config"}}}
    return {
        "global": {
            "minio": {"enabled": False},
            "registry": {"bucket": registry},
            "appConfig": {"object_store": rails, "artifacts": {"bucket": artifacts}},
        },
        "registry": {"storage": {"secret": of_registry, "key": "config"}},
        "gitlab": {"toolbox": {"backups": backups}},
    }


def with_key(key: str, container: str = "registry", **registry: object) -> tuple[dict[str, str], ...]:
    """What the three secrets of a GitLab hold that has an access key: of the registry, of Rails and of the backups. As GitLab's
    documentation writes them (examples/objectstorage of its chart)."""
    account = {"azure_storage_account_name": "gitlabstore", "azure_storage_access_key": key}
    driver = {"accountname": "gitlabstore", "accountkey": key, "container": container, "realm": "core.windows.net"}
    texts = ({"azure": driver | registry}, {"provider": "AzureRM"} | account, account)
    config, connection, backups = (yaml.safe_dump(text, sort_keys=False) for text in texts)
    return {"config": config}, {"connection": connection}, {"config": backups}


@dataclass
class Node:
    """Starts the pods of a namespace, one after the other, and tries the storage of those that run.

    The init container `configure` copies the secrets that are there when a pod starts. What becomes of the secrets later is
    nothing to that pod. A pod whose secret is missing does not start."""

    gitlab: GitLab
    containers: Mapping[str, str]
    """The container that each file of the configuration is about, by the file's path."""
    _configured: dict[str, dict[str, str]] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)

    def start_one(self) -> str | None:
        """Start one pod that can start. Returns its name, or None when there is none."""
        for pod in self.pods():
            if pod["metadata"]["uid"] not in self._configured and (files := self._mounted(pod)) is not None:
                self._configured[pod["metadata"]["uid"]] = files
                ready = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
                path = f"{self._path('pods')}/{pod['metadata']['name']}/status"
                self.gitlab.lab.api.patch(path, {"status": {"phase": "Running", "conditions": ready}})
                return str(pod["metadata"]["name"])
        return None

    def pods(self) -> list[Object]:
        """The pods that are not being deleted."""
        listed: list[Object] = self.gitlab.lab.api.get(self._path("pods"))["items"]
        return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]

    def running(self) -> list[Object]:
        """The pods that were started, and still run."""
        return [pod for pod in self.pods() if pod["metadata"]["uid"] in self._configured]

    def uses_key(self, pod: Object) -> bool:
        """Whether a pod that runs has an access key."""
        return any(_key(text) for text in self._configured[pod["metadata"]["uid"]].values())

    def without_access(self) -> list[str]:
        """The pods that run and cannot list a container, each with the file that says how."""
        failed = [
            (pod["metadata"]["name"], path)
            for pod in self.running()
            for path, text in self._configured[pod["metadata"]["uid"]].items()
            if not self._lists(pod, path, text)
        ]
        still = {pod["metadata"]["name"] for pod in self.running()} if failed else set()
        return [f"{name}: {path}" for name, path in failed if name in still]

    def settle(self, what: str) -> None:
        """Wait until every Deployment has rolled out and no other pod runs. Pods are started one by one, and none that runs may
        be without access. A pod whose Deployment is gone stays until the garbage collector finds it."""
        until(self._settled, what, seconds=SLOW)

    def _settled(self) -> bool:
        self.start_one()
        running = {pod["metadata"]["uid"] for pod in self.running()}
        if running != self._tried:
            assert self.without_access() == []
            self._tried = running
        deployments = self.gitlab.lab.api.get(self._path("deployments", "/apis/apps/v1"))["items"]
        wanted = sum(found["spec"]["replicas"] for found in deployments)
        return len(running) == wanted and all(_rolled_out(found) for found in deployments)

    def _lists(self, pod: Object, path: str, text: str) -> bool:
        account, container = _account(text), self.containers[path]
        if key := _key(text):
            return self._lists_with_key(account, key, container)
        if "azure:" in text:
            return False  # the registry's driver `azure` does not start without a key
        try:
            variables = self.gitlab.lab.pod_env(self.gitlab.namespace, pod["metadata"]["name"])
        except LabError:
            return False  # the webhook gave it nothing
        return self.gitlab.azcopy_with(variables, container, account).returncode == 0

    def _lists_with_key(self, account: str, key: str, container: str) -> bool:
        proxy = {"https": self.gitlab.lab.azure["proxy"]}
        ca = str(self.gitlab.lab.places.azure_ca)
        client = ContainerClient(
            BLOBS.format(account), container, credential=key, proxies=proxy, connection_verify=ca, retry_total=0
        )
        with client:
            try:
                list(client.list_blob_names())
            except AzureError:
                return False
        return True

    def _mounted(self, pod: Object) -> dict[str, str] | None:
        """The files of the secrets that a pod mounts, by their path. None when one is missing."""
        files: dict[str, str] = {}
        for volume in pod["spec"].get("volumes", ()):
            for source in volume.get("projected", {}).get("sources") or ():
                if "secret" not in source:
                    continue
                path = f"{self._path('secrets')}/{source['secret']['name']}"
                data = self.gitlab.lab.api.get(path).get("data", {}) if self.gitlab.lab.api.answers(path) else {}
                for item in source["secret"]["items"]:
                    if item["key"] not in data:
                        return None
                    files[item["path"]] = base64.b64decode(data[item["key"]]).decode()
        return files

    def _path(self, plural: str, group: str = "/api/v1") -> str:
        return f"{group}/namespaces/{self.gitlab.namespace}/{plural}"


def _settings(text: str) -> dict[str, Any]:
    """The settings of the storage: those of the registry's driver, or those of Rails and the backups."""
    read: dict[str, Any] = yaml.safe_load(text)
    return next((read[driver] for driver in ("azure", "azure_v2") if driver in read), read)


def _account(text: str) -> str:
    settings = _settings(text)
    return str(settings.get("accountname") or settings["azure_storage_account_name"])


def _key(text: str) -> str | None:
    settings = _settings(text)
    return settings.get("accountkey") or settings.get("azure_storage_access_key")


def _rolled_out(deployment: Object) -> bool:
    """As `kubectl rollout status` judges it."""
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    counts = (status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas"))
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and set(counts) == {wanted}
