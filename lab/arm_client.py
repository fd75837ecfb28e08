"""Plain requests to Resource Manager (ARM), through the lab's proxy, as any client makes them."""

import json
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ARM = "https://management.azure.com"
VERSIONS = {
    "microsoft.managedidentity": "2024-11-30",
    "microsoft.authorization": "2022-04-01",
    "microsoft.storage": "2023-05-01",
}
GROUPS_VERSION = "2021-04-01"


def with_version(path: str) -> str:
    """The path with an api-version: its own, or else that of the last resource provider in the path."""
    if "api-version=" in path:
        return path
    providers = re.findall(r"/providers/([^/?]+)", path)
    version = VERSIONS.get(providers[-1].lower(), GROUPS_VERSION) if providers else GROUPS_VERSION
    return f"{path}{'&' if '?' in path else '?'}api-version={version}"


def call(
    proxy: str, ca_file: Path, token: str, method: str, path: str, body: object = None
) -> tuple[int, dict[str, Any]]:
    """Status and body of a request to ARM. The body is {} where there is none. An error status raises nothing."""
    request = urllib.request.Request(  # noqa: S310 (https, and only to ARM)
        ARM + with_version(path),
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": proxy}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(ca_file))),
    )
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, _json(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _json(error.read())


def _json(text: bytes) -> dict[str, Any]:
    body = json.loads(text) if text else {}
    return body if isinstance(body, dict) else {"value": body}
