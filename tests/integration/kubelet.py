"""What a kubelet does for the pods of a Job, since the lab has none: it runs the command, and reports how it ended."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from lab.running import Lab

LONGEST = 2048
"""Bytes of a log that become the termination message (Kubernetes documentation, "Determine the Reason for Pod Failure")."""


class Kubelet:
    """Runs the pods of every Job in a namespace, each as a process with a token of the pod's own service account.

    The lab runs no containers: instead of the image, it runs this checkout's programs. `logs` has what each pod printed."""

    def __init__(self, lab: Lab, namespace: str, folder: Path) -> None:
        self._lab, self._namespace, self._folder = lab, namespace, folder
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self.logs: dict[str, str] = {}
        self._printed = threading.Condition()

    def until(self, words: str, seconds: float = 30) -> None:
        """Wait until a pod has printed these words."""
        with self._printed:
            said = self._printed.wait_for(lambda: any(words in text for text in self.logs.values()), seconds)
        assert said, self.logs

    def __enter__(self) -> Self:
        self._watching = subprocess.Popen(
            [
                *(self._lab.tool("kubectl"), "--namespace", self._namespace, "get", "pods", "--watch", "--output=name"),
                *("--selector", "batch.kubernetes.io/job-name"),
            ],
            env=self._lab.environ(),
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._run_all)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.terminate()
        self._watching.wait()
        self._thread.join()

    def _run_all(self) -> None:
        assert self._watching.stdout is not None
        with self._watching.stdout as lines:
            for line in lines:
                name = line.strip().removeprefix("pod/")
                if name not in self.logs and (pod := self._waiting(name)):
                    self.logs[name] = ""
                    self._run(pod)

    def _waiting(self, name: str) -> dict[str, Any] | None:
        """The pod, where it has not run yet. One of an earlier Job has, and may be deleted meanwhile."""
        listed = self._lab.api.get(f"{self._pods}?fieldSelector=metadata.name={name},status.phase=Pending")["items"]
        return listed[0] if listed else None

    def _run(self, pod: dict[str, Any]) -> None:
        name, (container,) = pod["metadata"]["name"], pod["spec"]["containers"]
        running = subprocess.Popen(
            [*container["command"], *container["args"]],
            env={**self._login(pod), "PATH": f"{Path(sys.executable).parent}:{os.defpath}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert running.stdout is not None
        with running.stdout as lines:
            for line in lines:
                with self._printed:
                    self.logs[name] += line
                    self._printed.notify_all()
        status = _status(container, running.wait(), self.logs[name])
        self._lab.api.patch(f"{self._pods}/{name}/status", {"status": status})

    def _login(self, pod: dict[str, Any]) -> dict[str, str]:
        account = pod["spec"]["serviceAccountName"]
        token = self._lab.api.request_token(self._namespace, account, "", 3600, pod)
        file = self._folder / f"{pod['metadata']['name']}.kubeconfig"
        file.write_text(self._lab.api.kubeconfig(account, token))
        return {"KUBECONFIG": str(file)}


def _status(container: dict[str, Any], exit_code: int, printed: str) -> dict[str, Any]:
    terminated: dict[str, Any] = {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed"}
    if exit_code and container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        terminated["message"] = printed[-LONGEST:]
    state = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False, "restartCount": 0}
    return {
        "phase": "Failed" if exit_code else "Succeeded",
        "containerStatuses": [{**state, "state": {"terminated": terminated}}],
    }
