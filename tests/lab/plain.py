"""Requests to Azure by plain HTTP. Tests see each answer unchanged."""

import io
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from .running import Running

ARM = "https://management.azure.com"
LOGIN = "https://login.microsoftonline.com"
BLOB = "https://gitlabstore.blob.core.windows.net"
STORAGE_SCOPE = "https://storage.azure.com/.default"
VERSIONS = {
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.Storage": "2023-01-01",
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


class Plain:
    """Sends requests as the owner of the subscription, or as the named principal."""

    def __init__(self, azure: Running) -> None:
        self.azure = azure
        context = ssl.create_default_context(cafile=str(azure.ca))
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        self._tokens: dict[tuple[str, str], str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def token(self, principal: str, resource: str = f"{ARM}/.default") -> str:
        key = principal, resource
        if key not in self._tokens:
            self._tokens[key] = self.azure.controls.token(resource, principal)
        return self._tokens[key]

    async def send(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request unchanged."""
        # aiohttp warns about a large body that is not a stream, and pytest treats warnings as errors.
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        async with self._session.request(
            method, url, json=json, data=body, headers=headers, proxy=self.azure.proxy, allow_redirects=False
        ) as answer:
            return Reply(answer.status, answer.headers, await answer.text(encoding="utf-8"))

    async def arm(self, method: str, path: str, json: object = None, *, principal: str = "owner") -> Reply:
        """Send a request to Resource Manager. An api-version is added if the path has none."""
        if "api-version" not in path:
            version = next((VERSIONS[name] for name in reversed(VERSIONS) if name in path), "2021-04-01")
            path += f"{'&' if '?' in path else '?'}api-version={version}"
        headers = {"Authorization": f"Bearer {self.token(principal)}"}
        return await self.send(method, ARM + path, json=json, headers=headers)

    async def blob(
        self,
        method: str,
        target: str,
        *,
        principal: str = "owner",
        data: bytes | None = None,
        origin: str = BLOB,
        **headers: str,
    ) -> Reply:
        """Send a request to Blob Storage."""
        known = {"Authorization": f"Bearer {self.token(principal, STORAGE_SCOPE)}", "x-ms-version": "2021-12-02"}
        return await self.send(
            method,
            origin + target,
            data=data,
            headers={**known, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
