"""A person with a login to Azure: for `kubectl gai doctor` and `plan`, and for other clients."""

import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from lab.azure import seeded
from lab.azure.roles import BY_NAME
from lab.errors import LabError
from lab.running import DAY, Lab

SUBSCRIPTION = f"/subscriptions/{seeded.SUBSCRIPTION}"
IDENTITIES = f"{SUBSCRIPTION}/resourceGroups/{seeded.PLATFORM_GROUP}/providers/Microsoft.ManagedIdentity"
AUTHORIZATION = f"{SUBSCRIPTION}/providers/Microsoft.Authorization"
CREATED = (200, 201)
WITHIN, PAUSE = 30.0, 0.2
"""Seconds in which Entra knows a new federated credential, and between two questions."""


def log_in(lab: Lab, name: str = "you", role: str | None = "Reader") -> dict[str, str]:
    """Somebody who has this role in the subscription, or none. Returns the variables by which `DefaultAzureCredential` logs them
    in, once Entra accepts them. Raises LabError."""
    identity = f"{IDENTITIES}/userAssignedIdentities/{name}"
    made = _put(lab, identity, {"location": seeded.LOCATION})["properties"]
    trusted = {
        "issuer": seeded.ISSUER,
        "subject": "system:serviceaccount:default:default",
        "audiences": [seeded.AUDIENCE],
    }
    _put(lab, f"{identity}/federatedIdentityCredentials/{name}", {"properties": trusted})
    if role:
        assigned = {
            "roleDefinitionId": f"{AUTHORIZATION}/roleDefinitions/{BY_NAME[role].id}",
            "principalId": made["principalId"],
            "principalType": "ServicePrincipal",
        }
        assignment = uuid.uuid5(uuid.NAMESPACE_URL, made["principalId"])
        _put(lab, f"{AUTHORIZATION}/roleAssignments/{assignment}", {"properties": assigned})
    lab.controls.name_principal(name, made["principalId"])
    file = lab.dir / f"{name}.token"
    file.write_text(lab.token("default", "default", seconds=DAY), encoding="utf-8")
    login = {
        "AZURE_CLIENT_ID": str(made["clientId"]),
        "AZURE_TENANT_ID": seeded.TENANT,
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
    }
    _wait_for_entra(lab, str(made["clientId"]), file.read_text(encoding="utf-8"))
    return login


def _put(lab: Lab, path: str, body: object) -> dict[str, dict[str, str]]:
    status, answer = lab.arm("PUT", path, body)
    if status not in CREATED:
        raise LabError(f"PUT {path} was answered {status}: {answer}")
    return answer


def _wait_for_entra(lab: Lab, client: str, assertion: str) -> None:
    """Ask for a token until there is one. Raises LabError."""
    deadline = time.monotonic() + WITHIN
    while (refusal := _refusal(lab, client, assertion)) is not None:
        if time.monotonic() > deadline:
            raise LabError(f"Entra does not accept the login: {refusal}")
        time.sleep(PAUSE)


def _refusal(lab: Lab, client: str, assertion: str) -> str | None:
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "scope": "https://management.azure.com/.default",
    }
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": lab.azure["proxy"]}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(lab.places.azure_ca))),
    )
    url = f"https://login.microsoftonline.com/{seeded.TENANT}/oauth2/v2.0/token"
    try:
        with opener.open(url, urllib.parse.urlencode(form).encode(), timeout=10):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(errors="replace")
