"""Somebody with rights of their own in Azure and in the cluster, who runs `kubectl gai`."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab import person
from lab.running import Lab

from .operating import POLICY

SECONDS = 60
PROGRAM = Path(sys.executable).parent / "kubectl-gai"
CONFIG_MAP = "/api/v1/namespaces/gitlab-azure-identity/configmaps/gitlab-azure-identity"
Ran = subprocess.CompletedProcess[str]


def environment(lab: Lab, **variables: str) -> dict[str, str]:
    found = lab.environ(**variables)
    return found | {"PATH": f"{PROGRAM.parent}:{found['PATH']}"}


@dataclass
class Colleague:
    """Runs commands as the administrator of the cluster, with a login to Azure that has a role in the subscription, or none."""

    lab: Lab
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def with_role(self, role: str | None) -> "Colleague":
        """Log in to Azure as an identity that has this role in the subscription, or no role at all.

        `DefaultAzureCredential` finds it by the variables of workload identity."""
        login = person.log_in(self.lab, f"colleague-{uuid.uuid4().hex[:8]}", role)
        return Colleague(self.lab, self.folder, self.variables | login)

    def in_the_cluster(self, *roles: str, namespace: str) -> "Colleague":
        """Log in to the cluster as a service account that has cluster roles in one namespace alone."""
        name = f"colleague-{uuid.uuid4().hex[:8]}"
        bindings: list[dict[str, Any]] = [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"{name}-{role}", "namespace": namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            }
            for role in roles
        ]
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        self.lab.apply([account, *bindings])
        content = yaml.safe_load(Path(self.lab.env["KUBECONFIG"]).read_text(encoding="utf-8"))
        for user in content["users"]:
            user["user"] = {"token": self.lab.api.request_token(namespace, name, "", 3600)}
        file = self.folder / f"{name}.kubeconfig"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return Colleague(self.lab, self.folder, self.variables | {"KUBECONFIG": str(file)})

    def gai(self, *words: str, stdin: str = "", **variables: str) -> Ran:
        """Run `kubectl gai` through kubectl, which finds the program as its plugin."""
        return subprocess.run(
            [self.lab.tool("kubectl"), "gai", *words],
            env=environment(self.lab, **self.variables, **variables),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def answer(self, *words: str, **variables: str) -> Any:
        """What it answers a program."""
        return json.loads(self.gai(*words, "-o", "json", **variables).stdout)

    def terminal(self, *words: str, columns: int = 80, **variables: str) -> "Terminal":
        return Terminal(self.lab, *words, columns=columns, **self.variables, **variables)


def publish_settings(lab: Lab, **settings: Any) -> None:
    """Write the settings that the tests' operator runs with into the config map of its chart."""
    ours = yaml.safe_load((lab.places.operator / "settings.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(ours | {"policy": POLICY} | settings)
    lab.api.patch(CONFIG_MAP, {"data": {"settings.yaml": text}})


# A shell in a terminal starts a program with the usual SIGINT. Tests that run in the background have it ignored, and children
# inherit that.
WITH_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """The program in a terminal of a width."""

    def __init__(self, lab: Lab, *words: str, columns: int = 80, **variables: str) -> None:
        self._screen, inner = pty.openpty()
        termios.tcsetwinsize(inner, (50, columns))
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITH_SIGINT, PROGRAM, *words],
            env=environment(lab, TERM="xterm-256color", **variables),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.text = ""

    def until(self, holds: Callable[[str], bool]) -> str:
        """What was shown when it holds, or at the end."""
        while not holds(self.text) and select.select([self._screen], [], [], SECONDS)[0]:
            try:
                self.text += os.read(self._screen, 65536).decode()
            except OSError:  # the program has ended
                break
        return self.text

    def types(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def ended(self) -> int:
        self.until(lambda _: False)
        os.close(self._screen)
        return self.process.wait(SECONDS)
