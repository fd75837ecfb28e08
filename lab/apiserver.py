"""A small client of the lab's API server, for the lab's own requests."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError


class ApiError(LabError):
    """The API server refused a request; the text is the server's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"The API server answered {status}: {message}")
        self.status = status


@dataclass(frozen=True)
class ApiServer:
    """The API server, with an administrator's token. Requests never use a proxy, whatever the environment says."""

    url: str
    ca_file: Path
    token: str

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, body)

    def patch(self, path: str, change: dict[str, Any]) -> Any:
        """Merge a change into an object."""
        return self._call("PATCH", path, change, "application/merge-patch+json")

    def delete(self, path: str) -> Any:
        """Delete an object, without waiting until it is deleted."""
        return self._call("DELETE", path, None)

    def answers(self, path: str) -> bool:
        """Whether a GET succeeds. A refused connection, a 404 and a 5xx all count as no."""
        try:
            self.get(path)
        except (ApiError, OSError, http.client.HTTPException):
            return False
        return True

    def request_token(
        self, namespace: str, account: str, audience: str, seconds: int, pod: dict[str, Any] | None = None
    ) -> str:
        """A token of a service account, bound to a pod if one is given. Raises ApiError."""
        spec: dict[str, Any] = {"expirationSeconds": seconds}
        if audience:
            spec["audiences"] = [audience]
        if pod:
            metadata = pod["metadata"]
            spec["boundObjectRef"] = {
                "apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"],
            }  # fmt: skip
        answer = self.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        return str(answer["status"]["token"])

    def kubeconfig(self, user: str, token: str) -> str:
        """A kubeconfig for a user with this token, which verifies the server's certificate."""
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "lab", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
                "current-context": "lab",
            },
            sort_keys=False,
        )

    def _call(self, method: str, path: str, body: dict[str, Any] | None, kind: str = "application/json") -> Any:
        request = urllib.request.Request(  # noqa: S310 (the URL is the lab's own)
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca_file))),
        )
        try:
            with opener.open(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, _message(error.read())) from error
        return json.loads(text) if text.startswith((b"{", b"[")) else text.decode()


def _message(body: bytes) -> str:
    """The message of a Kubernetes Status, or the body itself where it is none."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
