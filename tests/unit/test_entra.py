"""Entra's errors: what a code, an OAuth error or a text says of a refused token request."""

from __future__ import annotations

import pytest

from gitlab_azure_identity.azure.entra import TABLE, Trouble, line

UNKNOWN_CODE = "AADSTS123456"


@pytest.mark.parametrize("code", TABLE)
def test_a_code_of_the_table_counts_whatever_its_text(code: str) -> None:
    assert line(code, 400, "invalid_request", "temporarily unavailable") is TABLE[code]


@pytest.mark.parametrize(
    ("status", "oauth", "text", "trouble"),
    [
        (0, "", "no answer", Trouble.UNAVAILABLE),
        (408, "", "", Trouble.UNAVAILABLE),
        (429, "", "", Trouble.UNAVAILABLE),
        (500, "", "", Trouble.UNAVAILABLE),
        (503, "invalid_client", "signature", Trouble.UNAVAILABLE),
        (400, "temporarily_unavailable", "", Trouble.UNAVAILABLE),
        (400, "server_error", "", Trouble.UNAVAILABLE),
        (400, "invalid_request", "The service is temporarily unavailable.", Trouble.UNAVAILABLE),
        (400, "invalid_request", "A transient error has occurred. Please try again.", Trouble.UNAVAILABLE),
        (400, "invalid_request", "Request timed out.", Trouble.UNAVAILABLE),
        (400, "invalid_request", "Request to External OIDC endpoint failed.", Trouble.ISSUER),
        (400, "invalid_client", "Failed to retrieve OpenID metadata.", Trouble.ISSUER),
        (400, "unauthorized_client", "Unable to download the signing keys.", Trouble.KEY),
        (401, "invalid_client", "Client assertion contains an invalid signature.", Trouble.KEY),
        (
            401,
            "invalid_client",
            "The key could not be found in the metadata of identity provider https://x.",
            Trouble.KEY,
        ),
        (401, "invalid_client", "The application is disabled.", Trouble.REFUSED),
        (400, "", "", Trouble.REFUSED),
    ],
)
def test_a_code_that_is_not_in_the_table(status: int, oauth: str, text: str, trouble: Trouble) -> None:
    assert line(UNKNOWN_CODE, status, oauth, text).trouble is trouble
