"""The check on GitLab's documentation page about workload identity: azcopy with only a pod's variables and token."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from lab.azcopy import program
from lab.azure import seeded
from lab.controls import Controls

from .cluster import Cluster
from .objects import ACCOUNT, DATA_CONTRIBUTOR, assign, federate, make_identity, subject
from .plain import Plain
from .running import Running, clean_environment

URL = "https://gitlabstore.blob.core.windows.net/registry"


@pytest.fixture(scope="session")
def azcopy() -> str:
    """The azcopy that the lab uses."""
    return str(program())


class Pod:
    """A toolbox pod after the webhook changed it: four variables and a token file."""

    def __init__(self, azure: Running, azcopy: str, folder: Path, client_id: str, token: str) -> None:
        (folder / "token").write_text(token)
        self._azcopy = azcopy
        self._environment = clean_environment(
            **azure.environment,
            AZURE_CLIENT_ID=client_id,
            AZURE_TENANT_ID=seeded.TENANT,
            AZURE_FEDERATED_TOKEN_FILE=str(folder / "token"),
            AZURE_AUTHORITY_HOST="https://login.microsoftonline.com/",
            AZCOPY_AUTO_LOGIN_TYPE="workload",
            AZCOPY_LOG_LOCATION=str(folder),
            AZCOPY_JOB_PLAN_LOCATION=str(folder),
            AZCOPY_DISABLE_SYSLOG="true",
        )

    async def azcopy(self, *arguments: str) -> tuple[int, str]:
        finished = await asyncio.to_thread(
            subprocess.run,
            [self._azcopy, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return finished.returncode, finished.stdout + finished.stderr


async def test_azcopy_lists_and_copies_only_while_the_role_is_assigned(
    azure: Running, azcopy: str, plain: Plain, cluster: Cluster, controls: Controls, tmp_path: Path
) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    pod = Pod(azure, azcopy, tmp_path, identity.client_id, cluster.token(subject()))

    code, before = await pod.azcopy("--log-level", "debug", "list", URL)
    assignment = await assign(plain, identity.principal_id, DATA_CONTRIBUTOR, ACCOUNT)
    controls.clear_calls()
    worked, listed = await pod.azcopy("--log-level", "debug", "list", URL)
    calls = [(call.method, call.host, call.path, call.status) for call in controls.calls()]
    local = tmp_path / "local.txt"
    local.write_text("a local file")
    copied, _ = await pod.azcopy("copy", str(local), f"{URL.replace('registry', 'tmp')}/local.txt")
    await plain.arm("DELETE", assignment)
    refused, after = await pod.azcopy("--log-level", "debug", "list", URL)

    assert (code, "403" in before, "AuthorizationPermissionMismatch" in before) == (1, True, True)
    assert worked == 0
    assert "hello.txt; Content Length: 35.00 B" in listed
    assert calls == [
        # azcopy first checks, with two requests, whether the container is public.
        ("GET", "gitlabstore.blob.core.windows.net", "/registry", 401),
        ("HEAD", "gitlabstore.blob.core.windows.net", "/registry", 401),
        ("GET", "login.microsoftonline.com", "/common/discovery/instance", 200),
        ("GET", "login.microsoftonline.com", f"/{seeded.TENANT}/v2.0/.well-known/openid-configuration", 200),
        ("POST", "login.microsoftonline.com", f"/{seeded.TENANT}/oauth2/v2.0/token", 200),
        ("GET", "gitlabstore.blob.core.windows.net", "/registry", 200),
    ]
    assert copied == 0
    assert (refused, "AuthorizationPermissionMismatch" in after) == (1, True)


async def test_azcopy_prints_why_entra_refused_the_token(
    azure: Running, azcopy: str, plain: Plain, cluster: Cluster, tmp_path: Path
) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    pod = Pod(azure, azcopy, tmp_path, identity.client_id, cluster.token(subject("other")))

    code, shown = await pod.azcopy("list", URL)

    assert code == 1
    assert "AADSTS700213" in shown
    assert "aka.ms/azsdk/go/identity/troubleshoot#workload" in shown
