"""Entra's error answers: an OAuth error whose description begins with the AADSTS number."""

import datetime as dt
from typing import Any

from lab.azure.state import new_guid

FEDERATION_HELP = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"


class EntraError(Exception):
    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.error = error
        self.number = number
        self.text = text

    @property
    def code(self) -> str:
        return f"AADSTS{self.number}"

    def as_json(self, now: float, host: str) -> dict[str, Any]:
        trace, correlation = new_guid(), new_guid()
        timestamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return {
            "error": self.error,
            "error_description": f"{self.code}: {self.text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {timestamp}",
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://{host}/error?code={self.number}",
        }


def unknown_tenant(tenant: str) -> EntraError:
    return EntraError(
        400,
        "invalid_request",
        90002,
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
    )


def unknown_client(client_id: str, tenant: str) -> EntraError:
    return EntraError(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant.",
    )


def not_yet_known(issuer: str, subject: str, audience: str) -> EntraError:
    """The error for a credential that Entra does not use yet (as documented)."""
    return EntraError(
        400,
        "invalid_request",
        70021,
        f"No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion "
        f"Subject: '{subject}'. Assertion Audience: '{audience}'. {FEDERATION_HELP}",
    )


def no_credentials(client_id: str, name: str) -> EntraError:
    return EntraError(
        401,
        "invalid_client",
        70025,
        f"The client '{client_id}'({name}) has no configured federated identity credentials.",
    )


def no_match(part: str, value: str) -> EntraError:
    """No federated credential of the client has the assertion's `part`: its issuer, subject or audience."""
    number = {"issuer": 700211, "audience": 700212, "subject": 700213}[part]
    return EntraError(
        401,
        "invalid_client",
        number,
        f"No matching federated identity record found for presented assertion {part} '{value}'. Check your federated "
        f"identity credential Subject, Audience and Issuer against the presented assertion. {FEDERATION_HELP}",
    )


def subject_case(subject: str) -> EntraError:
    return EntraError(
        401,
        "invalid_client",
        7002138,
        f"No matching federated identity record found for presented assertion subject '{subject}'. The subject matches "
        "with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity "
        f"credential Subject, Audience and Issuer against the presented assertion. {FEDERATION_HELP}",
    )


OIDC_FAILED = (90061, 50166, 501661)
"""What Entra answers while it cannot fetch an issuer's documents: azure-workload-identity#605, #642, AKS#4029."""


def issuer_unreachable(number: int = OIDC_FAILED[0]) -> EntraError:
    return EntraError(400, "invalid_request", number, "Request to External OIDC endpoint failed.")


def unknown_key(key_id: str, issuer: str) -> EntraError:
    return EntraError(
        401,
        "invalid_client",
        7000272,
        f"The certificate with identifier {key_id} used to sign the federated credential could not be found in the "
        f"metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes the "
        "key used to sign the incoming token.",
    )


def bad_signature() -> EntraError:
    return EntraError(
        401,
        "invalid_client",
        50013,
        "Assertion failed signature validation. [Reason - The provided signature value did not match the expected "
        "signature value.]",
    )


def malformed(text: str) -> EntraError:
    return EntraError(401, "invalid_client", 50027, f"JWT token is invalid or malformed. {text}")


def out_of_time(now: float, valid_from: float, expires: float) -> EntraError:
    current, start, end = (
        dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        for moment in (now, valid_from, expires)
    )
    return EntraError(
        401,
        "invalid_client",
        700024,
        f"Client assertion is not within its valid time range. Current time: {current}, assertion valid from {start}, "
        f"expiry time of assertion {end}. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    )


def missing_parameter(name: str) -> EntraError:
    return EntraError(
        400,
        "invalid_request",
        900144,
        f"The request body must contain the following parameter: '{name}'.",
    )


def unsupported_grant(grant: str) -> EntraError:
    return EntraError(400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'.")


def bad_scope(scope: str) -> EntraError:
    return EntraError(
        400,
        "invalid_scope",
        1002012,
        f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
        "/.default suffixed to the resource identifier (application ID URI).",
    )


def unknown_resource(resource: str, tenant: str) -> EntraError:
    return EntraError(
        400,
        "invalid_resource",
        500011,
        f"The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You might have sent your authentication request to the wrong tenant.",
    )
