"""A success of Resource Manager that describes what was asked for, and one that does not."""

from __future__ import annotations

import json

import pytest

from gitlab_azure_identity.azure.shapes import confirms_deletion, undescribed

ARM = "https://management.azure.com/subscriptions/s/resourceGroups/g/providers"
IDENTITIES = f"{ARM}/Microsoft.ManagedIdentity/userAssignedIdentities"
CREDENTIALS = f"{IDENTITIES}/i/federatedIdentityCredentials"
STORE = f"{ARM}/Microsoft.Storage/storageAccounts/store"
ROLES = f"{STORE}/providers/Microsoft.Authorization/roleAssignments"
IDENTITY = {
    "id": "/i",
    "name": "i",
    "location": "westeurope",
    "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
    "properties": {"clientId": "c", "principalId": "p", "tenantId": "t"},
}
CREDENTIAL = {"name": "c", "properties": {"issuer": "https://i/", "subject": "s", "audiences": ["a"]}}
FLEXIBLE = {"name": "c", "properties": {"issuer": "https://i/", "claimsMatchingExpression": {"value": "v"}}}
ASSIGNMENT = {"name": "r", "properties": {"scope": "/s", "roleDefinitionId": "/d", "principalId": "p"}}


@pytest.mark.parametrize(
    ("url", "answer", "missing"),
    [
        (f"{IDENTITIES}/i?api-version=1", IDENTITY, None),
        (f"{IDENTITIES}/i", IDENTITY | {"tags": {"a": "b"}}, None),
        (f"{IDENTITIES}/i", IDENTITY | {"tags": ["a"]}, "managed identity"),
        (f"{IDENTITIES}/i", IDENTITY | {"id": None}, "managed identity"),
        (f"{IDENTITIES}/i", IDENTITY | {"properties": {"clientId": "c"}}, "managed identity"),
        (f"{IDENTITIES}/i", {}, "managed identity"),
        (f"{IDENTITIES}/i", None, "managed identity"),
        (IDENTITIES, {"value": [IDENTITY]}, None),
        (IDENTITIES, {"value": [], "nextLink": "https://next"}, None),
        (IDENTITIES, {"value": [], "nextLink": 1}, "list of managed identities"),
        (IDENTITIES, {"value": [IDENTITY, {}]}, "list of managed identities"),
        (IDENTITIES, {}, "list of managed identities"),
        (f"{CREDENTIALS}/c", CREDENTIAL, None),
        (f"{CREDENTIALS}/c", FLEXIBLE, None),
        (f"{CREDENTIALS}/c", {"name": "c", "properties": {}}, "federated credential"),
        (CREDENTIALS.lower(), {"value": [CREDENTIAL, FLEXIBLE]}, None),
        (CREDENTIALS, {"value": "text"}, "list of federated credentials"),
        (f"{ROLES}/r", ASSIGNMENT, None),
        (f"{ROLES}/r", ASSIGNMENT | {"properties": {"scope": "/s"}}, "role assignment"),
        (f"{ROLES}?$filter=principalId eq 'a/b'", {"value": [ASSIGNMENT]}, None),
        (ROLES, [], "list of role assignments"),
        (STORE, {"kind": "StorageV2"}, None),
        (STORE, "text", "storage account"),
        ("https://management.azure.com/again", {"value": []}, "resource"),  # where a list told to go on
        ("not a url", {"value": []}, "resource"),
    ],
)
def test_a_description(url: str, answer: object, missing: str | None) -> None:
    assert undescribed(url, json.dumps(answer).encode()) == missing


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b'{"id": "/sub', b"[" * 20_000, b"\xff\xfe<\x00"])
def test_what_is_no_json_describes_nothing(body: bytes) -> None:
    assert undescribed(f"{IDENTITIES}/i", body) == "managed identity"


@pytest.mark.parametrize(
    ("body", "confirms"),
    [
        (b"", True),
        (json.dumps(ASSIGNMENT).encode(), True),
        (b"\xef\xbb\xbf{}", True),
        (b"null", False),
        (b'{"error": {"code": "Odd"}}', False),
        (b"[]", False),
        (b"<html>Sign in</html>", False),
        (b"[" * 20_000, False),
    ],
)
def test_an_answer_to_a_deletion(body: bytes, confirms: bool) -> None:
    assert confirms_deletion(body) == confirms
