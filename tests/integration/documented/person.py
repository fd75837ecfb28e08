"""A person who follows the documentation: runs its commands, letter by letter, in a shell of the lab.

tests/docs/commands.py reads the calls of these methods: a command that stands in one of them counts as checked.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import azure_cli, chart
from lab.azure import seeded
from lab.azure.roles import BY_NAME
from lab.places import ROOT
from lab.running import Lab
from tests.docs.commands import normal, told
from tests.integration.operating import SUBSCRIPTION

NAMESPACE = "gitlab"
SECONDS = 60
IDENTITY = (
    f"{SUBSCRIPTION}/resourceGroups/{seeded.PLATFORM_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)


@dataclass
class Person:
    """Somebody with every right in the subscription and in the cluster. `folder` is where the commands run."""

    lab: Lab
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of the shell, as the documentation sets them."""

    def log_in(self) -> None:
        """Log `az` in, as a service principal that is Owner of the subscription."""
        principal, client = self._service_principal()
        owner = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{BY_NAME['Owner'].id}"
        properties = {"roleDefinitionId": owner, "principalId": principal, "principalType": "ServicePrincipal"}
        self._arm(f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}", properties)
        token = self.lab.token("default", "default")
        login = ("az", "login", "--service-principal", "--username", client, "--federated-token", token)
        self.shell(shlex.join([*login, "--tenant", seeded.TENANT, "--output", "none"]))

    def _service_principal(self) -> tuple[str, str]:
        """The principal and the client id of an identity that trusts service account `default` of namespace `default`."""
        status, made = self.lab.arm("PUT", f"{IDENTITY}/person", {"location": seeded.LOCATION})
        assert status in (200, 201), made
        trusted = {
            "issuer": seeded.ISSUER,
            "subject": "system:serviceaccount:default:default",
            "audiences": [seeded.AUDIENCE],
        }
        self._arm(f"{IDENTITY}/person/federatedIdentityCredentials/person", trusted)
        return made["properties"]["principalId"], made["properties"]["clientId"]

    def _arm(self, path: str, properties: Mapping[str, object]) -> None:
        status, answer = self.lab.arm("PUT", path, {"properties": properties})
        assert status in (200, 201), answer

    # commands that people are told

    def runs(self, command: str, **values: str) -> str:
        """Run a command of the documentation. `values` are for its `<placeholders>`. Returns what it prints."""
        return self.shell(_filled(_as_told(command), values))

    def sets(self, command: str) -> str:
        """Run an assignment of the documentation, such as `name=$(az …)`. The shell knows the variable afterwards."""
        name = command.partition("=")[0]
        self.variables[name] = self.shell(f'{_as_told(command)}\nprintf %s "${name}"')
        return self.variables[name]

    def is_refused(self, command: str, **values: str) -> str:
        """Run a command that the lab can answer only with an error, or that somebody must refuse. Returns what it says."""
        ran = self._bash(_filled(_as_told(command), values))
        assert ran.returncode != 0, ran.stdout
        return ran.stdout + ran.stderr

    def watches(self, command: str, until: str) -> str:
        """Run a command that does not end by itself until it prints a word. Returns the line."""
        shell = subprocess.Popen(
            ["timeout", str(SECONDS), "bash", "-c", _as_told(command)],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert shell.stdout is not None
        try:
            found = next((line for line in shell.stdout if until in line), None)
            assert found, f"{command} did not print {until}"
            return found
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
            shell.wait()
            shell.stdout.close()

    def follows(self, message: str, command: str, **values: str) -> str:
        """Run the command that a message contains, as it stands there. `command` is its text in the code, with `{}` for what is
        filled in there, which must be what the message says. Returns what it prints."""
        pattern = ".+?".join(re.escape(part).replace("\\ ", r"\s+(?:\\\s+)?") for part in command.split("{}"))
        found = re.search(rf"{pattern}(?=$|[\s)]|\.(?:\s|$))", message)
        assert found, f"not in the message: {command}\n{message}"
        return self.shell(_filled(found[0], values))

    # the shell

    def shell(self, script: str) -> str:
        """What a script prints. It must succeed, each part of a pipe too."""
        ran = self._bash(script)
        assert ran.returncode == 0, f"{script}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def _bash(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def _environment(self) -> dict[str, str]:
        path = f"{azure_cli.program().parent}:{Path(sys.executable).parent}:{self.lab.env['PATH']}"
        return self.lab.environ(**self.variables) | {"PATH": path}


def checkout(folder: Path) -> Path:
    """The folder, with what commands of the documentation expect to find in a checkout."""
    for name in ("charts", "examples"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def without_release(lab: Lab) -> None:
    """Take from a lab's cluster what the chart installs, and the namespaces of the operator and of GitLab."""
    manifests = chart.render(lab.tool("helm"), [NAMESPACE])
    installed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    lab.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=json.dumps(installed))
    lab.kubectl("delete", "namespace", NAMESPACE, chart.RELEASE)


def without_installation(lab: Lab) -> None:
    """Take from a lab what it has of the operator, in the cluster and in Azure: it is then as before README's installation."""
    without_release(lab)
    assignments = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments"
    of_operator = f"?$filter=principalId%20eq%20'{seeded.OPERATOR_PRINCIPAL}'"
    for assignment in lab.arm("GET", assignments + of_operator)[1]["value"]:
        assert lab.arm("DELETE", assignment["id"])[0] == 200
    assert lab.arm("DELETE", f"{IDENTITY}/{seeded.OPERATOR_IDENTITY}")[0] == 200


def _as_told(command: str) -> str:
    """A command as it stands in the documentation. The tests have it on one line."""
    assert command in told(), f"nobody is told this command: {command}"
    (text, *_) = told()[command].values()
    return text if "<<" in text else normal(text)


def _filled(command: str, values: Mapping[str, str]) -> str:
    """The command with the given values for its placeholders: `<storage account>` is `storage_account`."""
    for name in set(re.findall(r"<([\w.' ]+)>", command)):
        command = command.replace(f"<{name}>", values[re.sub(r"\W", "_", name)])
    return command
