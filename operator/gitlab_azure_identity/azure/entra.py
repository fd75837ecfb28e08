"""Entra's errors in one table: what a refused token request means, for the operator's own login and for a service account.

Codes: Microsoft Learn, "Microsoft Entra authentication and authorization error codes", and reports with Entra's answers
(azure-workload-identity#605, #642, #1130 and #1232, AKS#4029, azure-cli#28863). The page says that codes may change. So the error
field of OAuth (RFC 6749, section 5.2) counts first, and an unknown code is read by its text."""

import re
from dataclasses import dataclass
from enum import Enum

from gitlab_azure_identity.domain.causes.entra import PUBLISHED, REACHABLE, REFUSALS


class Trouble(Enum):
    """Why Entra gave no token."""

    UNAVAILABLE = "Entra itself failed: it may answer otherwise a moment later"
    ISSUER = (
        "Entra could not fetch the documents of the token's issuer: an outage that ends by itself, or a closed network"
    )
    KEY = "Entra does not know the key that signed the token: keys were rotated, or the issuer does not publish them"
    UNKNOWN = "Entra does not know the credential or the identity: for minutes after it was created that means not yet"
    REFUSED = "Entra refused the token"


@dataclass(frozen=True)
class Line:
    """One line of the table. `advice` is the next step: where a service account's token was refused, and for Trouble.REFUSED
    where the operator's own was, too."""

    trouble: Trouble
    advice: str = ""


def _refusal(trouble: Trouble, code: str) -> Line:
    found = REFUSALS[code]
    return Line(trouble, f"{found.why} {found.check}")


_ISSUER, _KEY = Line(Trouble.ISSUER, REACHABLE), Line(Trouble.KEY, PUBLISHED)
TABLE: dict[str, Line] = {
    # Entra's own trouble
    "AADSTS40010": Line(Trouble.UNAVAILABLE),  # OAuth2IdPRetryableServerError
    "AADSTS50000": Line(Trouble.UNAVAILABLE),  # TokenIssuanceError
    "AADSTS50196": Line(Trouble.UNAVAILABLE),  # LoopDetected: too many requests of one client
    "AADSTS90006": Line(Trouble.UNAVAILABLE),  # ExternalServerRetryableError
    "AADSTS90012": Line(Trouble.UNAVAILABLE),  # RequestTimeout
    "AADSTS90033": Line(Trouble.UNAVAILABLE),  # MsodsServiceUnavailable
    "AADSTS90055": Line(Trouble.UNAVAILABLE),  # TenantThrottlingError
    "AADSTS90090": Line(Trouble.UNAVAILABLE),  # GraphRetryableError
    "AADSTS90091": Line(Trouble.UNAVAILABLE),  # GraphServiceUnreachable
    # the cluster's OIDC documents
    "AADSTS50166": _ISSUER,
    "AADSTS501661": _ISSUER,
    "AADSTS90061": _ISSUER,
    # the cluster's keys
    "AADSTS50013": _KEY,  # InvalidAssertion: signature validation
    "AADSTS700027": _KEY,
    "AADSTS7000272": _KEY,
    # credential and identity. 70025 is the answer for an identity without any credential, and so while its first propagates.
    **{
        code: _refusal(Trouble.UNKNOWN, code)
        for code in ("AADSTS70021", "AADSTS70025", "AADSTS700211", "AADSTS700212", "AADSTS700213", "AADSTS700016")
    },
    # a person must act
    **{code: _refusal(Trouble.REFUSED, code) for code in ("AADSTS700024", "AADSTS900382", "AADSTS90002")},
}
OAUTH = {"temporarily_unavailable": Trouble.UNAVAILABLE, "server_error": Trouble.UNAVAILABLE}
# What the text of an unknown code says.
TEXTS = (
    (r"signature|signing key|key was not found|metadata of (the )?identity provider", _KEY),
    (r"\b(oidc|openid|jwks|metadata)\b.*\bendpoint", _ISSUER),
    (r"(fetch|retriev|reach|download)\w*\b.*\b(oidc|openid|jwks|metadata|keys)\b", _ISSUER),
    (
        r"temporar|transient|timed? ?out|unavailable|throttl|too many requests|(try again|retry) later",
        Line(Trouble.UNAVAILABLE),
    ),
)


def line(code: str, status: int, oauth: str, text: str) -> Line:
    """The line for a refused token request: by status and OAuth error, by its code, else by its text."""
    if status in (0, 408, 429) or status >= 500:  # noqa: PLR2004
        return Line(Trouble.UNAVAILABLE)
    if oauth in OAUTH:
        return Line(OAUTH[oauth])
    if code in TABLE:
        return TABLE[code]
    return next(
        (found for pattern, found in TEXTS if re.search(pattern, text, re.IGNORECASE | re.DOTALL)),
        Line(Trouble.REFUSED, _explained(code)),
    )


def _explained(code: str) -> str:
    """The next step for a code that no line names. Microsoft Learn names the address, on the page about the codes."""
    if number := re.fullmatch(r"AADSTS(\d+)", code):
        return f"See https://login.microsoftonline.com/error?code={number[1]} for what the code means."
    return "The answer has no code of Entra: check whether something on the way gave it, such as a proxy."
