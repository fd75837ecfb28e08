"""One GitLabAzureIdentity and the world around it, in the words of the tests."""

import base64
import json
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.controls import Call
from lab.running import Lab, ToolError

from .operating import GROUP, STORAGE
from .watching import Object, Watch

CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"

# Reads and preparations are direct requests to the API server: a kubectl for each would take most of the tests' time. Only
# `kubectl apply`, the first thing that a person does, is done with kubectl.
PLURAL = {
    "gai": "gitlabazureidentities",
    "serviceaccount": "serviceaccounts",
    "secret": "secrets",
    "configmap": "configmaps",
    "pod": "pods",
    "deployment": "deployments",
    "rolebinding": "rolebindings",
    "role": "roles",
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
API = dict.fromkeys(PLURAL, "/api/v1") | {
    "gai": "/apis/gitlabazure.io/v1alpha1",
    "deployment": "/apis/apps/v1",
    "role": RBAC,
    "rolebinding": RBAC,
}


@dataclass
class GitLab:
    """A resource in a namespace of its own."""

    lab: Lab
    watch: Watch
    namespace: str
    name: str = "gitlab"
    uid: str = field(default="", init=False)

    # what a person does

    def manifest(self, **spec: Any) -> Object:
        return {
            "apiVersion": "gitlabazure.io/v1alpha1",
            "kind": "GitLabAzureIdentity",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"storage": {"accountName": "gitlabstore"}, **spec},
        }

    def written(self, folder: Path, **spec: Any) -> str:
        """A file with the manifest. Returns its path."""
        file = folder / "gai.yaml"
        file.write_text(yaml.safe_dump(self.manifest(**spec)), encoding="utf-8")
        return str(file)

    def apply(self, **spec: Any) -> "GitLab":
        """`kubectl apply`. The given fields are those of spec, beside storage.accountName gitlabstore."""
        self.lab.kubectl("apply", "-f", "-", stdin=json.dumps(self.manifest(**spec)))
        self.uid = self.live()["metadata"]["uid"]
        return self

    def refused(self, **spec: Any) -> str:
        """`kubectl apply` of something that is refused. Returns the message."""
        return self.refused_manifest(self.manifest(**spec))

    def refused_manifest(self, manifest: Object) -> str:
        try:
            self.lab.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        except ToolError as error:
            return error.output
        raise AssertionError("it was accepted")

    def annotate(self, *pairs: str, kind: str = "gai", name: str | None = None) -> None:
        """As `kubectl annotate --overwrite`: key=value, or key- to remove it."""
        words = (pair.partition("=") for pair in pairs)
        changes = {key.removesuffix("-"): value if given else None for key, given, value in words}
        path = self.path(kind, name or self.name) + "?fieldManager=kubectl-annotate"
        self.lab.api.patch(path, {"metadata": {"annotations": changes}})

    def reconcile_now(self) -> None:
        """Ask for a pass by annotation, and wait for the answer."""
        token = uuid.uuid4().hex
        self.annotate(f"gitlabazure.io/requested-at={token}")
        self.until(lambda found: found.get("status", {}).get("lastHandledReconcileAt") == token)

    def ask_to_delete(self) -> None:
        """`kubectl delete --wait=false`."""
        self.lab.api.delete(self.path("gai", self.name))

    def until_gone(self, seconds: float = 30) -> None:
        self.watch.until_gone(self.namespace, self.name, self.uid, seconds)

    def delete(self, seconds: float = 30) -> None:
        self.ask_to_delete()
        self.until_gone(seconds)

    # what a person sees

    def live(self) -> Object:
        return self.fetch("gai", self.name)

    def fetch(self, kind: str, name: str) -> Object:
        found: Object = self.lab.api.get(self.path(kind, name))
        return found

    def path(self, kind: str, name: str = "") -> str:
        """The path of an object at the API server. Without a name, that of all objects of the kind."""
        return f"{API[kind]}/namespaces/{self.namespace}/{PLURAL[kind]}" + (f"/{name}" if name else "")

    def exists(self, kind: str, name: str) -> bool:
        return self.lab.api.answers(self.path(kind, name))

    def secret(self, name: str) -> dict[str, str]:
        data = self.fetch("secret", name)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def until(self, holds: Callable[[Object], bool], seconds: float = 30) -> Object:
        """Wait for a version of the resource for which `holds`. It is the resource that was applied last, if there were others
        before."""

        def mine(found: Object) -> bool:
            return found["metadata"]["uid"] == (self.uid or found["metadata"]["uid"]) and holds(found)

        return self.watch.until(self.namespace, self.name, mine, seconds)

    def ready(self, seconds: float = 30) -> Object:
        """Wait until this generation is Ready."""
        generation = self.live()["metadata"]["generation"]
        return self.condition("Ready", "True", seconds=seconds, generation=generation)

    def condition(
        self, kind: str, status: str, reason: str | None = None, *, seconds: float = 30, generation: int | None = None
    ) -> Object:
        """Wait for a condition. Returns the object that has it."""

        def holds(found: Object) -> bool:
            return any(
                condition["type"] == kind
                and condition["status"] == status
                and (reason is None or condition["reason"] == reason)
                and (generation is None or condition["observedGeneration"] >= generation)
                for condition in found.get("status", {}).get("conditions", ())
            )

        return self.until(holds, seconds)

    def message(self, kind: str) -> str:
        conditions = self.live()["status"]["conditions"]
        return str(next(c["message"] for c in conditions if c["type"] == kind))

    def events(self) -> list[Object]:
        """Events about this resource, oldest first."""
        listed = self.lab.api.get(f"/api/v1/namespaces/{self.namespace}/events")["items"]
        mine = [event for event in listed if event["involvedObject"]["name"] == self.name]
        return sorted(mine, key=lambda event: str(event.get("eventTime") or event["firstTimestamp"]))

    # what exists in Azure

    @property
    def identity_name(self) -> str:
        return str(self.live()["status"]["identity"]["name"])

    @property
    def principal(self) -> str:
        return str(self.live()["status"]["identity"]["principalId"])

    def azure(self, method: str, path: str, body: object = None) -> tuple[int, Object]:
        """A call to ARM as the owner of the subscription: somebody behind the operator's back."""
        return self.lab.arm(method, path, body)

    def identities(self) -> list[Object]:
        """The managed identities with this resource's tags."""
        found = self.azure("GET", f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities")[1]["value"]
        return [i for i in found if i["tags"].get("gitlabazure-namespace") == self.namespace]

    def credentials(self, identity: str | None = None) -> list[Object]:
        name = identity or self.identity_name
        path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}/federatedIdentityCredentials"
        found: list[Object] = self.azure("GET", path)[1].get("value", [])
        return found

    def assignments(self, account: str = "gitlabstore", principal: str | None = None) -> list[Object]:
        path = f"{STORAGE}/{account}/providers/Microsoft.Authorization/roleAssignments"
        query = f"?$filter=principalId%20eq%20'{principal or self.principal}'"
        found: list[Object] = self.azure("GET", path + query)[1].get("value", [])
        return found

    def remove_assignments(self, account: str = "gitlabstore") -> None:
        for assignment in self.assignments(account):
            status, _ = self.azure("DELETE", assignment["id"])
            assert status in (200, 204)

    def calls(self) -> list[Call]:
        """The operator's requests to ARM since the log was cleared, for any resource."""
        return [c for c in self.lab.controls.calls() if c.caller == "operator" and c.host.startswith("management.")]

    def writes(self) -> list[Call]:
        return [call for call in self.calls() if call.method != "GET"]

    def azcopy_list(
        self, pod: str, container: str = "registry", account: str = "gitlabstore"
    ) -> subprocess.CompletedProcess[str]:
        """The test of GitLab's own documentation, with the environment that the webhook gave a pod."""
        return self.azcopy_with(self.lab.pod_env(self.namespace, pod), container, account)

    def azcopy_with(
        self, environment: dict[str, str], container: str = "registry", account: str = "gitlabstore"
    ) -> subprocess.CompletedProcess[str]:
        """The same, with an environment that was read before."""
        return subprocess.run(
            [
                self.lab.tool("azcopy"),
                "--log-level",
                "debug",
                "list",
                f"https://{account}.blob.core.windows.net/{container}",
            ],
            env=self.lab.environ(**environment, AZCOPY_AUTO_LOGIN_TYPE="workload"),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
