"""A running lab, for tests and commands."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import arm_client, azure_cli, chart, envfile, pods
from lab.apiserver import ApiServer
from lab.azure import seeded
from lab.cluster import free_ports
from lab.controls import Controls
from lab.errors import LabError
from lab.places import Places
from lab.processes import MARK

AUTHORITY = "https://login.microsoftonline.com/"
NO_PROXY = "127.0.0.1,localhost"
DAY = 86_400


class ToolError(LabError):
    """A program of the lab exited with an error. `output` is what it wrote to standard error."""

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(f"{' '.join(command)} exited with {status}: {output.strip()}")
        self.output = output


@dataclass(frozen=True)
class Lab:
    """Azure and a cluster, running."""

    places: Places

    @classmethod
    def of(cls, path: str | Path | None = None) -> "Lab":
        """The lab at `path`, or else in LAB_DIR, or else in `.lab`. Raises LabError where none is up."""
        places = Places.at(path)
        if not (places.azure_json.exists() and places.env.exists()):
            raise LabError(f"No lab is up in {places.dir}. Start one: make lab")
        return cls(places)

    @property
    def dir(self) -> Path:
        return self.places.dir

    @cached_property
    def azure(self) -> dict[str, Any]:
        """What azure.json says of the lab's Azure: proxy, control, ca, tenant, subscription, pid."""
        about: dict[str, Any] = json.loads(self.places.azure_json.read_text())
        return about

    @cached_property
    def api(self) -> ApiServer:
        """A client of the API server, with an administrator's token."""
        about = json.loads(self.places.marker.read_text())
        return ApiServer(about["api"], Path(about["ca"]), about["token"])

    @cached_property
    def controls(self) -> Controls:
        return Controls.of(self.dir)

    # Environments

    @property
    def through_proxy(self) -> dict[str, str]:
        """The three variables by which a program reaches the lab's Azure instead of the real one."""
        return {
            "HTTPS_PROXY": self.azure["proxy"],
            "NO_PROXY": NO_PROXY,
            "SSL_CERT_FILE": str(self.places.azure_ca),
        }

    @property
    def env(self) -> dict[str, str]:
        """The variables that the env file sets in a shell: the administrator's kubeconfig and the way to Azure."""
        folders = [str(self.places.bin), str(Path(sys.executable).parent)]
        rest = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder not in folders]
        return {
            "LAB_DIR": str(self.dir),
            "KUBECONFIG": str(self.places.kubeconfig),
            "KUBECACHEDIR": str(self.dir / "kubecache"),
            **self.through_proxy,
            "REQUESTS_CA_BUNDLE": str(self.places.azure_ca),  # the Azure CLI reads this one
            **azure_cli.settings(self.dir / "azure-cli"),
            "AZURE_TENANT_ID": seeded.TENANT,
            "AZURE_SUBSCRIPTION_ID": seeded.SUBSCRIPTION,
            "PATH": os.pathsep.join([*folders, *rest]),
        }

    def environ(self, **extra: str) -> dict[str, str]:
        """This process's environment with the lab's variables, for a child process."""
        return {**envfile.without_foreign(os.environ), **self.env, **extra}

    def operator_variables(self) -> dict[str, str]:
        """The variables that the operator's pod would have from its Deployment and the webhook, and the way to Azure."""
        (port,) = free_ports(1)
        return {
            "KUBECONFIG": str(self.places.operator / "kubeconfig"),
            **self.through_proxy,
            "AZURE_CLIENT_ID": seeded.OPERATOR_CLIENT,
            "AZURE_TENANT_ID": seeded.TENANT,
            "AZURE_FEDERATED_TOKEN_FILE": str(self.places.operator / "token"),
            "AZURE_AUTHORITY_HOST": AUTHORITY,
            "GAI_SETTINGS_FILE": str(self.places.operator / "settings.yaml"),
            "GAI_HTTP_PORT": str(port),
        }

    def operator_env(self, **extra: str) -> dict[str, str]:
        """The whole environment of an operator process, with a free port for its health and metrics."""
        return {
            **envfile.without_foreign(os.environ),
            **self.operator_variables(),
            MARK: str(self.dir),  # so that `down` ends the operator, too
            **extra,
        }

    # Tools

    def tool(self, name: str) -> Path:
        """The lab's kubectl, helm or azcopy. Raises LabError that says how to get it."""
        program = self.places.bin / name
        if not program.exists():
            raise LabError(f"The lab has no {name}. Start it again: make lab-down lab")
        return program

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """What kubectl prints, as the cluster's administrator. Raises ToolError."""
        return self._run("kubectl", args, stdin)

    def helm(self, *args: str) -> str:
        """What helm prints. Raises ToolError."""
        return self._run("helm", args, None)

    def _run(self, name: str, args: Sequence[str], stdin: str | None) -> str:
        ran = subprocess.run(
            [self.tool(name), *args],
            env=self.environ(),
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise ToolError([name, *args], ran.returncode, ran.stderr)
        return ran.stdout

    # The cluster

    def apply(self, manifests: Sequence[chart.Manifest], manager: str = "kubectl") -> None:
        """Apply objects as the administrator, on the server's side. Raises ToolError."""
        everything = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        how = ("--server-side", "--force-conflicts", f"--field-manager={manager}")
        self.kubectl("apply", *how, "-f", "-", stdin=json.dumps(everything))

    def admit_namespaces(self, *names: str) -> None:
        """Create namespaces where they are missing, and give the operator the chart's rights in them. Raises ToolError."""
        manifests = chart.render(self.tool("helm"), names)
        rights = [each for name in names for each in chart.in_namespace(manifests, name)]
        self.apply([*(chart.namespace(name) for name in names), *rights], chart.FIELD_MANAGER)

    def token(self, namespace: str, account: str, audience: str = seeded.AUDIENCE, seconds: int = 3600) -> str:
        """A service account's token, as the kubelet would project it. Raises ApiError."""
        return self.api.request_token(namespace, account, audience, seconds)

    def pod_env(self, namespace: str, name: str) -> dict[str, str]:
        """The AZURE_* variables that the webhook gave a pod, with a real token file. Raises ApiError, LabError."""
        pod = self.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
        account = pod["spec"]["serviceAccountName"]

        def request(audience: str, seconds: int) -> str:
            return self.api.request_token(namespace, account, audience, seconds, pod)

        return pods.environment(pod, self.places.pods / namespace / name, request)

    # Azure

    def arm_token(self, as_: str = "owner") -> str:
        """An access token for ARM: of `owner` (of the subscription), of `operator`, or of a principal id."""
        return self.controls.token(f"{arm_client.ARM}/.default", as_)

    def arm(self, method: str, path: str, body: object = None, as_: str = "owner") -> tuple[int, dict[str, Any]]:
        """Status and JSON body of a request to ARM. Where the path has no api-version, one is added."""
        return arm_client.call(self.azure["proxy"], self.places.azure_ca, self.arm_token(as_), method, path, body)
