"""What a refusal of a service account's token by Entra means, code by code. The messages of AccessVerified and the page say it
in these words. Sources of the codes: `azure/entra.py`."""

from collections.abc import Mapping
from dataclasses import dataclass

UNREACHABLE = "Entra cannot fetch the documents of the cluster's issuer."
REACHABLE = "Check that the cluster's issuer can be reached from the internet."
UNKNOWN_KEY = "Entra does not know the key that signed the token."
PUBLISHED = "Check that the keys at the cluster's issuer (jwks_uri) are those that the API server signs with."


@dataclass(frozen=True)
class Refusal:
    """Why Entra refused the token, and what a person checks."""

    why: str
    check: str


REFUSALS: Mapping[str, Refusal] = {
    "AADSTS700211": Refusal(
        "No federated credential has the issuer of the token.",
        "Compare the cluster's issuer with status.issuer, to the letter, trailing slash included.",
    ),
    "AADSTS700212": Refusal(
        "No federated credential has the audience of the token.",
        "Compare the credential's audience with the token's, to the letter. The operator's `cloud` setting chooses it.",
    ),
    "AADSTS700213": Refusal(
        "No federated credential has the subject of the token.", "Compare it with status.federatedCredentials."
    ),
    "AADSTS70021": Refusal(
        "No federated credential matches the token.", "Compare status.issuer and status.federatedCredentials with it."
    ),
    "AADSTS70025": Refusal(
        "The identity has no federated credential that Entra knows.", "Compare it with status.federatedCredentials."
    ),
    "AADSTS700016": Refusal(
        "Entra does not know the client ID.",
        "Check that the identity still exists, and that its tenant is status.identity.tenantId.",
    ),
    "AADSTS700024": Refusal("The token is not valid at this time.", "Check the clocks of the cluster's control plane."),
    "AADSTS900382": Refusal("The tenant belongs to another cloud.", "Check the operator's `cloud` setting."),
    "AADSTS90002": Refusal("Entra does not know the tenant.", "Check the tenant and the operator's `cloud` setting."),
    "AADSTS50166": Refusal(UNREACHABLE, REACHABLE),
    "AADSTS501661": Refusal(UNREACHABLE, REACHABLE),
    "AADSTS90061": Refusal(UNREACHABLE, REACHABLE),
    "AADSTS50013": Refusal(UNKNOWN_KEY, PUBLISHED),
    "AADSTS700027": Refusal(UNKNOWN_KEY, PUBLISHED),
    "AADSTS7000272": Refusal(UNKNOWN_KEY, PUBLISHED),
}
