"""Secrets in texts: each form, in each encoding; texts that only look like secrets; and no secret survives in any text."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.domain.redaction import FORMS, redact

from .worlds import GROUP

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
OPAQUE = "0.AXYAv4j5cvGGr0GRqy180BHbR"

# for each form: a text before and after redaction
REDACTED: list[tuple[str, str, str]] = [
    ("JSON Web Token", f"The token {TOKEN} was refused.", "The token [redacted] was refused."),
    ("JSON Web Token", f"half of one: {TOKEN[:20]}.", "half of one: [redacted]."),
    ("JSON Web Token", f"without its signature: {TOKEN.rpartition('.')[0]}.", "without its signature: [redacted]."),
    ("JSON Web Token", f"x{TOKEN}", "x[redacted]"),
    ("JSON Web Token", f"a line\\n{TOKEN[:20]}", "a line\\n[redacted]"),
    ("JSON Web Token", f"assertion%3D{TOKEN[:20]}", "assertion%3D[redacted]"),
    (
        "account key",
        f"DefaultEndpointsProtocol=https;AccountName=gitlabstore;AccountKey={KEY};EndpointSuffix=core.windows.net",
        "DefaultEndpointsProtocol=https;AccountName=gitlabstore;AccountKey=[redacted];EndpointSuffix=core.windows.net",
    ),
    ("account key", f'{{"accountKey": "{KEY}"}}', '{"accountKey": "[redacted]"}'),
    ("account key", f"AccountKey%3D{quote(KEY, safe='')}", "AccountKey%3D[redacted]"),
    ("account key", f"Endpoint=sb://x/;SharedAccessKeyName=y;SharedAccessKey={KEY}.", "Endpoint=sb://x/;SharedAccessKeyName=y;SharedAccessKey=[redacted]."),
    (
        "shared access signature",
        "BlobEndpoint=https://x/;SharedAccessSignature=sv=2022-11-02&ss=b&sig=a%2Bb%3D;Other=y",
        "BlobEndpoint=https://x/;SharedAccessSignature=[redacted];Other=y",
    ),
    ("signature of a query", "https://x/c?sv=2022&sig=a%2Bb%3D&se=2026", "https://x/c?sv=2022&sig=[redacted]&se=2026"),
    ("signature of a query", "it says sig=a+b/c== there", "it says sig=[redacted] there"),
    ("signature of a query", "url%3Dhttps%253A//x%253Fsig%253Da%25252Bb", "url%3Dhttps%253A//x%253Fsig%253D[redacted]"),
    ("signature of a query", r"https://x/c?sv=2022\u0026sig=a\u002Bb\u003D", r"https://x/c?sv=2022\u0026sig=[redacted]"),
    ("OAuth secret", "client_secret=aB~8Q&scope=.default", "client_secret=[redacted]&scope=.default"),
    ("OAuth secret", "client_assertion=not-a-jwt", "client_assertion=[redacted]"),
    ("OAuth secret", '{"access_token": "abc", "expires_in": 3599}', '{"access_token": "[redacted]", "expires_in": 3599}'),
    ("OAuth secret", r'{\"refresh_token\":\"abc\",\"x\":1}', r'{\"refresh_token\":\"[redacted]\",\"x\":1}'),
    ("OAuth secret", "{'access_token': 'a b', 'x': 1}", "{'access_token': '[redacted]', 'x': 1}"),
    ("OAuth secret", "%22access_token%22%3A%22abc%22", "%22access_token%22%3A[redacted]"),
    ("OAuth secret", '"password": "correct \\"horse\\" battery"', '"password": "[redacted]"'),
    ("OAuth secret", '"password": "cut short', '"password": "[redacted]'),
    ("OAuth secret", "user=gitlab;password=hunter2;", "user=gitlab;password=[redacted];"),
    ("bearer token", f"Bearer {OPAQUE} is bad", "Bearer [redacted] is bad"),
    ("Authorization header", "Authorization: Bearer short", "Authorization: Bearer [redacted]"),
    ("Authorization header", '{"Authorization": "Basic eDp5"}', '{"Authorization": "Basic [redacted]"}'),
    ("user and password", "Basic dXNlcjpwYXNzd29yZA==", "Basic [redacted]"),
    ("shared key", "SharedKey gitlabstore:a+b/c=", "SharedKey gitlabstore:[redacted]"),
    ("shared key", "SharedKeyLite gitlabstore:a+b/c= was sent", "SharedKeyLite gitlabstore:[redacted] was sent"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text", "left"), REDACTED)
def test_every_form(form: str, text: str, left: str) -> None:
    assert redact(text) == left
    assert FORMS[form].search(text)


def test_the_table_has_every_form() -> None:
    assert {form for form, _, _ in REDACTED} == FORMS.keys()


UNCHANGED = [
    "GitLab can reach its storage as the managed identity.",
    "Bearer token authentication is not permitted for non-TLS protected (non-https) URLs.",
    'WWW-Authenticate: Bearer authorization_uri="https://login.microsoftonline.com/x", error="invalid_token"',
    "Basic authentication is off; see the Basic LoadBalancer.",
    "SharedKey authorization: not permitted on this storage account.",
    "Key based authentication is not permitted on this storage account.",
    "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.",
    "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "no accountkey parameter provided",
    "The password: must be longer.",
    "The signature is not valid. Signature=of the moment; design=good; config=fine",
    "moneyJar and MoneyJarForEverybody-2 are managed identities",
    f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab-gitlab-gitlab",
    "https://westeurope.oic.prod-aks.azure.com/72f988bf-0000-4000-8000-2d7cd011db47/7d3a6d5e-1c0f-4c7e-9f2a-3b6c8d9e0f12/",
    "kubectl -n gitlab annotate gai gitlab gitlabazure.io/abandon=true",
    "kubectl annotate gai gitlab --overwrite gitlabazure.io/requested-at=1767225600",
    "az storage container create --auth-mode login --account-name gitlabstore --name registry",
    "az provider register --namespace Microsoft.ManagedIdentity",
    'Grant its identity "Role Based Access Control Administrator" there: docs/azure-permissions.md#storage.',
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_a_text_that_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


texts = st.text(max_size=60)
keys = st.binary(min_size=12, max_size=64).map(lambda raw: base64.b64encode(raw).decode())
words = st.text(string.ascii_letters + string.digits + "!#$%()*+-./:?@^_{|}~", min_size=12, max_size=60)


def _jwt(claims: bytes) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"RS256"}').decode().rstrip("=")
    return f"{header}.eyJ{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


DRESSED = st.one_of(
    st.binary(min_size=12, max_size=64).map(_jwt).map(lambda secret: (secret, secret)),
    st.tuples(st.sampled_from(["AccountKey={}", "SharedAccessKey={}", "sig={}", "SharedKey acct:{}"]), keys).map(
        lambda pair: (pair[0].format(pair[1]), pair[1])
    ),
    st.tuples(st.sampled_from(["AccountKey%3D{}", "sig%3D{}", "SharedAccessSignature=sv=2022&sig={}"]), keys).map(
        lambda pair: (pair[0].format(quote(pair[1], safe="")), quote(pair[1], safe=""))
    ),
    st.tuples(st.sampled_from(["client_secret={}", "access_token={}", "Authorization: Bearer {}", "password={}"]), words).map(
        lambda pair: (pair[0].format(pair[1]), pair[1])
    ),
    st.tuples(st.sampled_from(["accountKey", "access_token", "refresh_token", "password"]), st.text(min_size=12)).map(
        lambda pair: (json.dumps({pair[0]: pair[1]}), json.dumps(pair[1])[1:-1])
    ),
)  # fmt: skip


@settings(max_examples=400, derandomize=True)
@given(before=texts, dressed=DRESSED, after=texts)
def test_no_secret_survives_in_any_text(before: str, dressed: tuple[str, str], after: str) -> None:
    said, secret = dressed
    pieces = {secret[start : start + 8] for start in range(len(secret) - 7)}
    assume(not any(piece in before + after for piece in pieces))

    left = redact(f"{before} {said} {after}")

    assert not any(piece in left for piece in pieces)
    assert "[redacted]" in left
    assert redact(left) == left


@settings(max_examples=200, derandomize=True)
@given(st.lists(st.one_of(texts, DRESSED.map(lambda dressed: dressed[0])), max_size=5))
def test_a_redacted_text_stays_as_it_is(pieces: list[str]) -> None:
    left = redact("".join(pieces))

    assert redact(left) == left
