"""Entra's errors in one table: what a refused token request means, for the operator's own login and for a service account.

Codes: Microsoft Learn, "Microsoft Entra authentication and authorization error codes", and reports with Entra's answers
(azure-workload-identity#605, #642, #1130 and #1232, AKS#4029, azure-cli#28863). The page says that codes may change. So the error
field of OAuth (RFC 6749, section 5.2) counts first, and an unknown code is read by its text."""

import re
from dataclasses import dataclass
from enum import Enum


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
    """One line of the table. `advice` is the next step where a service account's token was refused."""

    trouble: Trouble
    advice: str = ""


_REACHABLE = "Check that the cluster's issuer can be reached from the internet."
_PUBLISHED = "Check that the keys at the cluster's issuer (jwks_uri) are those that the API server signs with."
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
    "AADSTS50166": Line(Trouble.ISSUER, _REACHABLE),
    "AADSTS501661": Line(Trouble.ISSUER, _REACHABLE),
    "AADSTS90061": Line(Trouble.ISSUER, _REACHABLE),
    # the cluster's keys
    "AADSTS50013": Line(Trouble.KEY, _PUBLISHED),  # InvalidAssertion: signature validation
    "AADSTS700027": Line(Trouble.KEY, _PUBLISHED),
    "AADSTS7000272": Line(Trouble.KEY, _PUBLISHED),
    # credential and identity. 70025 is the answer for an identity without any credential, and so while its first propagates.
    "AADSTS70021": Line(
        Trouble.UNKNOWN,
        "No federated credential matches the token. Compare status.issuer and status.federatedCredentials with it.",
    ),
    "AADSTS70025": Line(
        Trouble.UNKNOWN,
        "The identity has no federated credential that Entra knows. Compare it with status.federatedCredentials.",
    ),
    "AADSTS700211": Line(
        Trouble.UNKNOWN,
        "No federated credential has the issuer of the token. Compare the cluster's issuer with status.issuer.",
    ),
    "AADSTS700212": Line(
        Trouble.UNKNOWN,
        "No federated credential has the audience of the token. Check the operator's `cloud` setting.",
    ),
    "AADSTS700213": Line(
        Trouble.UNKNOWN,
        "No federated credential has the subject of the token. Compare it with status.federatedCredentials.",
    ),
    "AADSTS700016": Line(
        Trouble.UNKNOWN, "Entra does not know the client ID. Check that the identity still exists, and its tenant."
    ),
    # a person must act
    "AADSTS700024": Line(
        Trouble.REFUSED, "The token is not valid at this time. Check the clocks of the cluster's control plane."
    ),
    "AADSTS900382": Line(Trouble.REFUSED, "The tenant belongs to another cloud. Check the operator's `cloud` setting."),
    "AADSTS90002": Line(
        Trouble.REFUSED, "Entra does not know the tenant. Check the tenant and the operator's `cloud` setting."
    ),
}
OAUTH = {"temporarily_unavailable": Trouble.UNAVAILABLE, "server_error": Trouble.UNAVAILABLE}
# What the text of an unknown code says.
TEXTS = (
    (r"signature|signing key|key was not found|metadata of (the )?identity provider", Line(Trouble.KEY, _PUBLISHED)),
    (r"\b(oidc|openid|jwks|metadata)\b.*\bendpoint", Line(Trouble.ISSUER, _REACHABLE)),
    (r"(fetch|retriev|reach|download)\w*\b.*\b(oidc|openid|jwks|metadata|keys)\b", Line(Trouble.ISSUER, _REACHABLE)),
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
        Line(Trouble.REFUSED),
    )
