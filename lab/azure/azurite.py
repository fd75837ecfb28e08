"""Azurite, the child process that stores the blobs, and the few requests that the lab itself sends to it."""

import asyncio
import base64
import email.utils
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import aiohttp
from yarl import URL

from lab.azure import seeded
from lab.azure.certificates import Certificates
from lab.azure.formats import timestamp
from lab.azure.hosts import PUBLIC, STORAGE_AUDIENCE

STARTER = Path(__file__).with_name("azurite.cjs")
VERSION = "2021-12-02"
START_TIMEOUT = 30
"""Seconds."""
LISTENS = re.compile(rb"successfully listens on https://127\.0\.0\.1:(\d+)")


def blob_service(azurite: Path) -> Path:
    """The program that serves blobs only. It lies next to the one that npm puts on the path.

    Raises:
        CannotStartError: the program is missing.
    """
    main = azurite.resolve().parent / "blob" / "main.js"
    if not main.exists():
        raise CannotStartError(f"there is no Azurite at {azurite}; `npm ci` installs it")
    return main


# Azurite closes a connection that was idle for five seconds. The lab closes its own earlier.
KEEP_ALIVE = 3


class CannotStartError(Exception):
    """Azurite does not start; the text says why."""


@dataclass(frozen=True)
class Container:
    name: str
    etag: str
    last_modified: str


class Azurite:
    def __init__(self, process: asyncio.subprocess.Process, port: int, session: aiohttp.ClientSession) -> None:
        self._process = process
        self._origin = f"https://127.0.0.1:{port}"
        self._session = session
        self._tokens: dict[str, str] = {}

    @classmethod
    async def start(cls, main: Path, folder: Path, certificates: Certificates) -> "Azurite":
        """Start Azurite in memory on a free port; `main` is the program of its blob service.

        Raises:
            CannotStartError: Node or Azurite is missing, or Azurite ended.
        """
        node = shutil.which("node")
        if node is None:
            raise CannotStartError("Azurite needs Node.js, and there is no `node` on the PATH")
        log = folder / "azurite.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(node, STARTER, main, "--blobHost", "127.0.0.1", "--blobPort", "0", "--oauth", "basic"),
                *("--cert", certificates.certificate_file("127.0.0.1"), "--key", certificates.key_file),
                *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_TIMEOUT):
                port = await _port(process.stdout)
        except TimeoutError as error:
            process.kill()
            raise CannotStartError(f"Azurite did not start within {START_TIMEOUT} s; see {log}") from error
        if port is None:
            raise CannotStartError(
                f"Azurite ended at once: {log.read_text(errors='replace').strip() or 'without any output'}"
            )
        connector = aiohttp.TCPConnector(ssl=certificates.client_context(), limit=64, keepalive_timeout=KEEP_ALIVE)
        session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), timeout=TIMEOUT
        )
        return cls(process, port, session)

    async def stop(self) -> None:
        await self._session.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def forward(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        data: bytes | aiohttp.StreamReader | None,
    ) -> "aiohttp.client._RequestContextManager":
        """Send a request unchanged. `target` is path and query, already escaped."""
        url = URL(self._origin + target, encoded=True)
        return self._session.request(
            method, url, headers=headers, data=data, allow_redirects=False, skip_auto_headers=AUTO_HEADERS
        )

    def authorization(self, principal_id: str) -> str:
        """The Authorization header for a principal. Azurite checks no signature; the lab has verified the caller's token."""
        if principal_id not in self._tokens:
            claims = {
                "aud": STORAGE_AUDIENCE,
                "iss": f"{PUBLIC.issuer_prefix}{seeded.TENANT}/",
                "iat": 0,
                "nbf": 0,
                "exp": 1 << 33,
                "oid": principal_id,
                "tid": seeded.TENANT,
            }
            self._tokens[principal_id] = ".".join(map(_segment, ({"alg": "none", "typ": "JWT"}, claims))) + ".lab"
        return f"Bearer {self._tokens[principal_id]}"

    # Requests of the lab itself

    async def containers(self, account: str) -> list[Container]:
        async with self._as_owner("GET", account, "/?comp=list") as response:
            tree = ET.fromstring(await response.text(encoding="utf-8-sig"))  # noqa: S314 - a child process wrote it
        return [
            Container(
                name=node.findtext("Name", ""),
                etag=_quoted(node.findtext("Properties/Etag", "")),
                last_modified=_moment(node.findtext("Properties/Last-Modified", "")),
            )
            for node in tree.iterfind("Containers/Container")
        ]

    async def container(self, account: str, name: str) -> Container | None:
        async with self._as_owner("HEAD", account, f"/{quote(name)}?restype=container") as response:
            if response.status == HTTPStatus.NOT_FOUND:
                return None
            headers = response.headers
            return Container(name, _quoted(headers["ETag"]), _moment(headers["Last-Modified"]))

    async def create_container(self, account: str, name: str) -> bool:
        """Create a container. Returns whether it is new: one that exists stays as it is."""
        async with self._as_owner("PUT", account, f"/{quote(name)}?restype=container") as response:
            return response.status == HTTPStatus.CREATED

    async def delete_container(self, account: str, name: str) -> bool:
        async with self._as_owner("DELETE", account, f"/{quote(name)}?restype=container") as response:
            return response.status == HTTPStatus.ACCEPTED

    async def lacks_blob(self, account: str, target: str) -> bool:
        """Whether a blob's container exists, and the blob does not. `target` is the blob's path, already escaped."""
        async with self._as_owner("HEAD", account, target) as response:
            return response.headers.get("x-ms-error-code") == "BlobNotFound"

    async def has_blobs_below(self, account: str, target: str) -> bool:
        """Whether there are blobs whose names begin with a name and a slash. `target` is the name's path, already escaped."""
        container, _, name = target.lstrip("/").partition("/")
        query = f"restype=container&comp=list&maxresults=1&prefix={name}/"
        async with self._as_owner("GET", account, f"/{container}?{query}") as response:
            return b"<Name>" in await response.read()

    async def put_blob(self, account: str, container: str, name: str, content: bytes) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "text/plain"}
        async with self._as_owner("PUT", account, f"/{container}/{quote(name)}", headers, content) as response:
            response.raise_for_status()

    def _as_owner(
        self,
        method: str,
        account: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> "aiohttp.client._RequestContextManager":
        as_owner = {
            "Host": f"{account}{PUBLIC.blob_suffix}",
            "Authorization": self.authorization(seeded.OWNER_PRINCIPAL),
            "x-ms-version": VERSION,
        }
        return self.forward(method, target, {**as_owner, **(headers or {})}, data)


TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


async def _port(output: asyncio.StreamReader | None) -> int | None:
    """The port that Azurite prints. None where it ends before."""
    async for line in output or asyncio.StreamReader():
        if match := LISTENS.search(line):
            return int(match[1])
    return None


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _quoted(etag: str) -> str:
    return f'"{etag.strip(chr(34))}"'


def _moment(http_date: str) -> str:
    return timestamp(email.utils.parsedate_to_datetime(http_date).timestamp())
