"""The proxy: it connects Azure's real host names to the lab and refuses all other hosts."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from lab.azure import seeded
from lab.controls import Controls

from .objects import eventually
from .plain import Plain
from .running import STOP_TIMEOUT, Running, start, until_ready


async def connect(azure: Running, target: str, method: str = "CONNECT") -> str:
    """The proxy's answer, before any TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(azure.proxy.rpartition(":")[2]))
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    body = "" if " 200 " in head else (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return head.partition("\r\n")[0] + (f": {body.strip()}" if body else "")


@pytest.mark.parametrize(
    "host",
    [
        "management.azure.com",
        "management.usgovcloudapi.net",
        "management.chinacloudapi.cn",
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.chinacloudapi.cn",
        "gitlabstore.blob.core.windows.net",
        "otherstore.blob.core.usgovcloudapi.net",
        "gitlabstore.blob.core.chinacloudapi.cn",
    ],
)
async def test_the_hosts_of_all_three_clouds_are_reached(plain: Plain, azure: Running, host: str) -> None:
    assert await connect(azure, f"{host}:443") == "HTTP/1.1 200 Connection established"
    reply = await plain.send("GET", f"https://{host}/{seeded.TENANT}/discovery/v2.0/keys")
    assert reply.status in (200, 400, 401)


async def test_any_other_host_is_refused_with_the_reason(azure: Running) -> None:
    assert await connect(azure, "example.com:443") == (
        "HTTP/1.1 403 Forbidden: example.com is not one of the hosts of the lab's Azure"
    )
    assert await connect(azure, "gitlabstore.queue.core.windows.net:443") == (
        "HTTP/1.1 403 Forbidden: gitlabstore.queue.core.windows.net is not one of the hosts of the lab's Azure"
    )


async def test_a_storage_account_that_does_not_exist_has_no_host_name(azure: Running) -> None:
    assert await connect(azure, "nostore.blob.core.windows.net:443") == (
        "HTTP/1.1 502 Bad Gateway: no such host: nostore.blob.core.windows.net (there is no storage account nostore)"
    )


@pytest.mark.parametrize(
    ("account", "host", "reached"),
    [
        ({}, "gitlabstore.z12.blob.storage.azure.net", False),
        ({"dns_zone": "z12"}, "gitlabstore.z12.blob.storage.azure.net", True),
        ({"dns_zone": "z12"}, "gitlabstore.z13.blob.storage.azure.net", False),
        ({"dns_zone": "z12"}, "gitlabstore.blob.core.windows.net", False),
        ({"kind": "FileStorage"}, "gitlabstore.blob.core.windows.net", False),
        ({"kind": "BlobStorage"}, "gitlabstore.blob.core.windows.net", True),
    ],
)
async def test_a_storage_account_has_the_host_names_of_its_endpoints(
    azure: Running, controls: Controls, account: dict[str, str], host: str, *, reached: bool
) -> None:
    controls.change_account("gitlabstore", **account)

    assert await connect(azure, f"{host}:443") == (
        "HTTP/1.1 200 Connection established"
        if reached
        else f"HTTP/1.1 502 Bad Gateway: no such host: {host} (gitlabstore has no such endpoint)"
    )


async def test_other_ports_and_plain_requests_are_refused(azure: Running) -> None:
    assert await connect(azure, "management.azure.com:80") == (
        "HTTP/1.1 403 Forbidden: the lab's proxy reaches port 443 only, not management.azure.com:80"
    )
    assert await connect(azure, "http://management.azure.com/", "GET") == (
        "HTTP/1.1 403 Forbidden: the lab's proxy opens tunnels (CONNECT) only, not GET"
    )


async def test_a_client_that_does_not_trust_the_labs_authority_cannot_connect(azure: Running) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("https://management.azure.com/", proxy=azure.proxy)


async def test_a_client_needs_only_the_proxy_and_the_authority(azure: Running) -> None:
    """The operator's libraries run in a new process with only the lab's environment variables."""
    finished = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", UNMODIFIED, azure.controls.token("https://management.azure.com/.default")],
        env=azure.environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "gitlab-azure-identity-operator\n", "")


UNMODIFIED = f"""
import asyncio, sys, time
from azure.core.credentials import AccessToken
from azure.mgmt.msi.v2024_11_30.aio import ManagedServiceIdentityClient

class StaticCredential:
    async def get_token(self, *scopes, **_):
        return AccessToken(sys.argv[1], int(time.time()) + 3600)

async def main():
    async with ManagedServiceIdentityClient(StaticCredential(), "{seeded.SUBSCRIPTION}") as client:
        identity = await client.user_assigned_identities.get("rg-platform", "gitlab-azure-identity-operator")
        print(identity.name)

asyncio.run(main())
"""


async def test_azure_and_azurite_end_on_sigterm(tmp_path: Path) -> None:
    process = start(tmp_path)
    try:
        about = await asyncio.to_thread(until_ready, tmp_path, process)
        assert about.ca == tmp_path / "ca.pem"
        azurite = only_child(process.pid)
    finally:
        process.terminate()
        code = await asyncio.to_thread(process.wait, STOP_TIMEOUT)

    assert code == 0
    assert not (tmp_path / "azure.json").exists()
    assert not is_alive(azurite)


async def test_azurite_ends_when_the_lab_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path)
    await asyncio.to_thread(until_ready, tmp_path, process)
    azurite = only_child(process.pid)

    process.kill()
    process.wait()

    async def ended() -> bool:
        return not is_alive(azurite)

    await eventually(ended)


def only_child(pid: int) -> str:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return child


def is_alive(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_without_azurite_the_lab_says_how_to_install_it(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "lab.azure", "--dir", tmp_path, "--azurite", tmp_path / "azurite"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert finished.returncode == 1
    assert finished.stderr == f"Azure cannot start: there is no Azurite at {tmp_path}/azurite; `npm ci` installs it\n"
