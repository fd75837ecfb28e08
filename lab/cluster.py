"""The lab's Kubernetes: etcd, the API server, some controllers and the pod webhook, as plain processes.

There is no kubelet and no scheduler, so pods stay Pending.
"""

import contextlib
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab import builds, envfile
from lab.apiserver import ApiServer
from lab.azure import seeded
from lab.azure.certificates import Certificates
from lab.places import Places
from lab.processes import Parts

HOST = "127.0.0.1"
JWKS_URI = f"{seeded.ISSUER}openid/v1/jwks"
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
)
START_TIMEOUT = 90
"""Seconds that a part may take to start. A loaded machine is slow; a part that fails ends by itself before."""


@dataclass(frozen=True)
class Ports:
    etcd: int
    etcd_peer: int
    api: int
    controllers: int
    webhook: int

    @classmethod
    def free(cls) -> "Ports":
        return cls(*free_ports(5))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in held]


def listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


class Cluster:
    """Starts the processes of the cluster. `api` is a client with an administrator's token."""

    def __init__(self, places: Places, parts: Parts) -> None:
        self._places = places
        self._parts = parts
        # Go collects a small heap often: that took a quarter of the API server's time (by its profile).
        self._env = {**envfile.without_foreign(os.environ), "GOGC": "400"}
        self._ports = Ports.free()
        self._folder = places.cluster
        self._certificates = Certificates(self._folder)
        self._certificate = self._certificates.certificate_file(HOST)
        self.api = ApiServer(f"https://{HOST}:{self._ports.api}", self._certificates.ca_file, secrets.token_urlsafe(24))

    @property
    def webhook_url(self) -> str:
        return f"https://{HOST}:{self._ports.webhook}/mutate-v1-pod"

    def start_api_server(self) -> None:
        """Start etcd and the API server, and write the administrator's kubeconfig. Raises PartError."""
        binary = builds.binary(builds.CONTROL_PLANE)
        _write_signing_key(self._folder / "sa.key")
        (self._folder / "tokens.csv").write_text(f"{self.api.token},admin,admin,system:masters\n")
        self._places.kubeconfig.touch(mode=0o600)  # Helm 3 warns of one that others may read
        self._places.kubeconfig.write_text(self.api.kubeconfig("admin", self.api.token))
        etcd = self._parts.spawn("etcd", [binary, "etcd", *self._etcd_flags()], self._env)
        self._parts.until("etcd", etcd, lambda: listens(self._ports.etcd), START_TIMEOUT)
        server = self._parts.spawn("apiserver", [binary, "kube-apiserver", *self._api_server_flags()], self._env)
        self._parts.until("apiserver", server, lambda: self.api.answers("/readyz"), START_TIMEOUT)

    def start_controllers(self) -> None:
        """Start the controllers, and wait until they work. Raises PartError."""
        binary = builds.binary(builds.CONTROL_PLANE)
        command = [binary, "kube-controller-manager", *self._controller_flags()]
        controllers = self._parts.spawn("controllers", command, self._env)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._parts.until("controllers", controllers, lambda: self.api.answers(account), START_TIMEOUT)

    def start_webhook(self) -> None:
        """Start azure-workload-identity's webhook, and wait until it listens. Raises PartError."""
        folder = self._folder / "webhook"
        folder.mkdir()
        shutil.copy(self._certificate, folder / "tls.crt")
        shutil.copy(self._certificates.key_file, folder / "tls.key")
        flags = _flags({"kubeconfig": self._places.kubeconfig, "webhook-cert-dir": folder, "port": self._ports.webhook})
        env = {**self._env, "AZURE_TENANT_ID": seeded.TENANT}
        webhook = self._parts.spawn("webhook", [builds.binary(builds.WEBHOOK), *flags], env)
        self._parts.until("webhook", webhook, lambda: listens(self._ports.webhook), START_TIMEOUT)

    def publish_keys(self) -> tuple[dict[str, object], dict[str, object]]:
        """The OpenID configuration and the key set. The API server serves them, and AKS would publish them."""
        return self.api.get("/.well-known/openid-configuration"), self.api.get("/openid/v1/jwks")

    def _etcd_flags(self) -> list[str]:
        client, peer = f"http://{HOST}:{self._ports.etcd}", f"http://{HOST}:{self._ports.etcd_peer}"
        return [
            "--unsafe-no-fsync",  # nothing here outlives the machine
            *_flags(
                {
                    "data-dir": self._folder / "etcd",
                    "log-level": "error",
                    "listen-client-urls": client,
                    "advertise-client-urls": client,
                    "listen-peer-urls": peer,
                    "initial-advertise-peer-urls": peer,
                    "initial-cluster": f"default={peer}",
                }
            ),
        ]

    def _api_server_flags(self) -> list[str]:
        return _flags(
            {
                "etcd-servers": f"http://{HOST}:{self._ports.etcd}",
                "bind-address": HOST,
                "secure-port": self._ports.api,
                "tls-cert-file": self._certificate,
                "tls-private-key-file": self._certificates.key_file,
                "token-auth-file": self._folder / "tokens.csv",
                "authorization-mode": "RBAC",
                "service-account-issuer": seeded.ISSUER,
                "service-account-jwks-uri": JWKS_URI,
                "service-account-key-file": self._folder / "sa.key",
                "service-account-signing-key-file": self._folder / "sa.key",
                "service-cluster-ip-range": "10.0.0.0/24",
                "endpoint-reconciler-type": "none",
            }
        )

    def _controller_flags(self) -> list[str]:
        return _flags(
            {
                "kubeconfig": self._places.kubeconfig,
                "controllers": ",".join(CONTROLLERS),
                "leader-elect": "false",
                "bind-address": HOST,
                "secure-port": self._ports.controllers,
                "cert-dir": self._folder,
                "root-ca-file": self._certificates.ca_file,
                "service-account-private-key-file": self._folder / "sa.key",
            }
        )


def _flags(values: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


def _write_signing_key(path: Path) -> None:
    """The service account issuer's key. It is an RSA key, since Entra accepts only RS256 in a federated token."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
