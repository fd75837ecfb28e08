"""Error answers of Azure: every form that is documented, and everything else that comes over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_azure_identity.azure.answers import is_token, refusal

POLICY_INFO = {
    "policyDefinitionDisplayName": "Allowed locations",
    "policySetDefinitionDisplayName": "Baseline",
    "policyAssignmentName": "6d22f717",
    "policyAssignmentDisplayName": "Europe only",
}
DISALLOWED = "Resource 'gitlab' was disallowed by policy."
DENY = {
    "error": {
        "code": "RequestDisallowedByPolicy",
        "target": "gitlab",
        "message": DISALLOWED,
        "additionalInfo": [{"type": "PolicyViolation", "info": POLICY_INFO}],
    }
}
NAMED = 'Azure Policy: policy "Allowed locations", initiative "Baseline", assignment "Europe only".'
OAUTH = {
    "error": "invalid_request",
    "error_description": "AADSTS50166: Request to External OIDC endpoint failed.",
    "error_codes": [50166],
}
BLOB = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthorizationFailure</Code><Message>Not authorized.</Message>'
    "<AuthenticationErrorDetail>Issuer &lt;x&gt;</AuthenticationErrorDetail></Error>"
)


def nested(depth: int) -> dict[str, Any]:
    """An error that is a detail of an error, and so on."""
    inner = nested(depth - 1) if depth else {}
    return {"code": f"C{depth}", "message": f"text {depth}", "details": [inner] if inner else []}


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({"error": {"code": "ScopeLocked", "message": "It is locked."}}, "ScopeLocked", "It is locked."),
        ({"code": "NotFound", "message": "Gone"}, "NotFound", "Gone."),  # some providers leave the envelope out
        ({"Code": "NotFound", "Message": "Gone"}, "NotFound", "Gone."),
        ({"odata.error": {"code": "A", "message": {"lang": "en", "value": "In words."}}}, "A", "In words."),
        (DENY, "RequestDisallowedByPolicy", f"{DISALLOWED} {NAMED}"),
        (
            {"error": {"code": "A", "message": "Outer.", "details": [DENY["error"]]}},
            "A",
            f"Outer. {DISALLOWED} {NAMED}",
        ),
        (
            {"error": {"code": "A", "message": "Outer.", "policyDetails": [{"policyAssignmentId": "/p/1"}]}},
            "A",
            'Outer. Azure Policy: assignment "/p/1".',
        ),
        (
            {
                "error": {
                    "code": "A",
                    "message": "Outer.",
                    "additionalInfo": [{"type": "T", "info": {"a": 1}}, {"info": "b"}],
                }
            },
            "A",
            'Outer. {"a": 1}. b.',
        ),
        ({"error": {"code": "A", "message": "Same.", "details": [{"message": "Same."}]}}, "A", "Same."),
        ({"error": {"code": "A", "message": "Outer", "innererror": {"message": "Inner"}}}, "A", "Outer. Inner."),
        ({"error": nested(9)}, "C9", "text 9. text 8. text 7. text 6."),
        ({"error": {"code": 17, "message": ["a", 1]}}, "17", '["a", 1].'),
        (OAUTH, "invalid_request", "AADSTS50166: Request to External OIDC endpoint failed."),
        ({"error": "access_denied"}, "access_denied", "access_denied"),
        ([{"error": {"code": "A", "message": "In a list."}}], "A", "In a list."),
        ({}, "", "{}"),
        ([], "", "[]"),
        ("only a text", "", "only a text"),
        (None, "", "null"),
    ],
)
def test_the_forms_of_errors_in_json(body: object, code: str, detail: str) -> None:
    error = refusal(403, {}, json.dumps(body).encode())

    assert (error.code, error.status, error.detail) == (code, 403, detail)


@pytest.mark.parametrize(
    ("body", "headers", "code", "detail"),
    [
        (BLOB.encode(), {}, "AuthorizationFailure", "Not authorized. Issuer <x>"),
        (b"", {"x-ms-error-code": "ContainerNotFound"}, "ContainerNotFound", "Forbidden, without a text."),
        (b"", {}, "", "Forbidden, without a text."),
        (b"  \n", {}, "", "Forbidden, without a text."),
        (b"<html><style>p {}</style><h1>403</h1>The proxy says &lt;no&gt;</html>", {}, "", "403 The proxy says <no>"),
        (b"plain", {}, "", "plain"),
        (b'{"error": {"code": "Cut", "mess', {}, "", '{"error": {"code": "Cut", "mess'),
        (b'\xef\xbb\xbf{"error": {"code": "Marked", "message": "BOM."}}', {}, "Marked", "BOM."),
        ('{"error": {"code": "Wide", "message": "UTF-16."}}'.encode("utf-16"), {}, "Wide", "UTF-16."),
        (b"\xff\xfeodd", {}, "", "\u646f\ufffd"),
        (b"\x80\x81", {}, "", "\ufffd\ufffd"),
        (b"[" * 100_000, {}, "", "[" * 100_000),
        (b'"' + b"9" * 5000 + b'"', {}, "", "9" * 5000),
        (b"9" * 5000, {}, "", "9" * 5000),
    ],
)
def test_what_is_no_error_in_json(body: bytes, headers: dict[str, str], code: str, detail: str) -> None:
    error = refusal(403, headers, body)

    assert (error.code, error.detail) == (code, detail)


def test_an_answer_of_entra() -> None:
    error = refusal(400, {"Retry-After": "7"}, json.dumps(OAUTH).encode(), login=True)

    assert (error.code, error.status, error.oauth, error.login) == ("AADSTS50166", 400, "invalid_request", True)
    assert error.retry_after == 7.0


def test_an_unknown_status_without_a_body() -> None:
    assert refusal(599, {}, b"").detail == "An answer without a text."


KEYS = [
    "error",
    "code",
    "message",
    "details",
    "additionalInfo",
    "innererror",
    "policyDetails",
    "info",
    "type",
    "value",
    "Code",
]
KEYS += ["error_description", "policyDefinitionDisplayName", "odata.error"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=5),
)
BODIES = st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "x-ms-error-code"]), st.text())


@given(st.integers(400, 599), HEADERS, BODIES, st.booleans())
def test_any_answer_is_an_error_with_a_text(status: int, headers: dict[str, str], body: bytes, login: bool) -> None:
    error = refusal(status, headers, body, login=login)

    assert error.status == status
    assert error.detail.strip()
    assert error.retry_after is None or 0 <= error.retry_after <= 3600


@given(BODIES)
def test_any_body_is_a_token_or_none(body: bytes) -> None:
    assert not is_token(body)


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        ({"access_token": "t", "expires_in": 3599}, True),
        ({"access_token": "t", "expires_on": "1700000000"}, True),
        ({"access_token": "t"}, False),
        ({"access_token": "t", "expires_in": "soon"}, False),
        ({"access_token": 5, "expires_in": 1}, False),
        (["access_token"], False),
    ],
)
def test_what_a_token_is(answer: object, token: bool) -> None:
    assert is_token(json.dumps(answer).encode()) is token
