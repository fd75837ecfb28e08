"""Azure as the owner of the subscription sees it. The demonstration checks its claims against that."""

import re
import ssl
import urllib.error
import urllib.request
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable

from lab.azure import seeded
from lab.controls import Call
from lab.demo.demonstration import StepError, poll_until
from lab.running import Lab

GROUPS = f"/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups"
IDENTITIES = f"{GROUPS}/{seeded.IDENTITY_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
ACCOUNT = f"{GROUPS}/{seeded.STORAGE_GROUP}/providers/Microsoft.Storage/storageAccounts/{seeded.BLOB_ACCOUNT}"
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
OK, MULTIPLE_CHOICES = 200, 300
WRITES = frozenset({"PUT", "PATCH", "POST", "DELETE"})


def let_owner_read_blobs(lab: Lab) -> None:
    """Give the subscription's owner a data role on the storage account: the role Owner gives no right to read blobs."""
    definition = f"/subscriptions/{seeded.SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    body = {
        "roleDefinitionId": f"{definition}/{BLOB_DATA_READER}",
        "principalId": seeded.OWNER_PRINCIPAL,
        "principalType": "ServicePrincipal",
    }
    call_as_owner(lab, "PUT", f"{ACCOUNT}/{ASSIGNMENTS}/{uuid.uuid4()}", {"properties": body})


def call_as_owner(lab: Lab, method: str, path: str, body: object = None) -> dict[str, object]:
    """A request to ARM as the subscription's owner. Raises StepError unless it succeeds."""
    status, answer = lab.arm(method, path, body)
    if not OK <= status < MULTIPLE_CHOICES:
        raise StepError(f"{method} {path} was answered {status}: {answer}")
    return answer


def identities(lab: Lab) -> set[str]:
    """Names of the managed identities in GitLab's resource group."""
    return {str(item["name"]) for item in _items(call_as_owner(lab, "GET", IDENTITIES))}


def assignments(lab: Lab) -> dict[str, str]:
    """The role assignments at the storage account itself: principal ids by assignment id."""
    found = _items(call_as_owner(lab, "GET", f"{ACCOUNT}/{ASSIGNMENTS}?$filter=atScope()"))
    return {str(item["id"]): str(_properties(item)["principalId"]) for item in found}


def account_exists(lab: Lab) -> bool:
    return lab.arm("GET", ACCOUNT)[0] == OK


def blobs(lab: Lab) -> list[str]:
    """Names of the blobs in the first container. Waits until the owner's data role is effective."""
    status, body = poll_until(lambda: _list_blobs(lab), lambda answer: answer[0] == OK)
    if status != OK:
        raise StepError(f"The blobs cannot be listed: {status} {body!r}")
    listing = ET.fromstring(body)  # noqa: S314 (the lab's own answer)
    return [str(name.text) for name in listing.iterfind("Blobs/Blob/Name")]


def _list_blobs(lab: Lab) -> tuple[int, bytes]:
    request = urllib.request.Request(
        f"https://{seeded.BLOB_ACCOUNT}.blob.core.windows.net/{seeded.BLOB_CONTAINER}?restype=container&comp=list",
        headers={
            "Authorization": f"Bearer {lab.controls.token('https://storage.azure.com/.default')}",
            "x-ms-version": "2024-11-04",
        },
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": lab.azure["proxy"]}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(lab.places.azure_ca))),
    )
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def arm_calls(calls: Iterable[Call], *, writes: bool) -> list[Call]:
    """The operator's calls to ARM that write, or that read."""
    return [
        call
        for call in calls
        if call.host.startswith("management.") and call.caller == "operator" and (call.method in WRITES) == writes
    ]


def call_rows(calls: Iterable[Call]) -> list[tuple[str, str, str, str]]:
    """Rows of caller, request, status and error code. Calls that are alike are one row, with their number."""
    rows = Counter(
        (call.caller or "-", f"{call.method} {_short(call)}", str(call.status), call.code or "") for call in calls
    )
    return [
        (caller, request, status, f"{code} x{count}" if count > 1 else code)
        for (caller, request, status, code), count in rows.items()
    ]


def _short(call: Call) -> str:
    """Host and path of a call. Of an ARM path only the end, and of each GUID in it only the beginning."""
    if not call.host.startswith("management."):
        return f"{call.host}{call.path}".replace(f"/{seeded.TENANT}/", "/<tenant>/")
    parts = call.path.rpartition("/providers/")[2].split("/")[1:]
    return re.sub(r"([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"\1…", "/".join(parts[-2:]))


def _items(answer: dict[str, object]) -> list[dict[str, object]]:
    value = answer["value"]
    return value if isinstance(value, list) else []


def _properties(item: dict[str, object]) -> dict[str, object]:
    value = item["properties"]
    return value if isinstance(value, dict) else {}
