"""A person's login to Azure, and their clients, which cannot write."""

from __future__ import annotations

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.identity.aio import DefaultAzureCredential

from gitlab_azure_identity.azure.clients import connect_as
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.person import PersonLogin, why
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.ownership import Owner

PUBLIC = CLOUDS["AzurePublic"]
TRIED = """PersonLogin failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: EnvironmentCredential authentication unavailable. Environment variables are not fully configured.
\tAzureCliCredential: Please run 'az login' to set up an account
\tAzurePowerShellCredential: PowerShell is not installed
To mitigate this issue, please refer to the troubleshooting guidelines."""


def test_of_all_that_was_tried_the_azure_cli_is_quoted() -> None:
    assert why(TRIED) == "Please run 'az login' to set up an account"
    assert why("no answer\nin time") == "no answer in time"


REFUSED = """PersonLogin failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: EnvironmentCredential authentication unavailable. Environment variables are not fully configured.
\tWorkloadIdentityCredential: Microsoft Entra ID error '(invalid_request) AADSTS70021: No matching federated identity record.
Content: {"error": "invalid_request", "correlation_id": "d6202c2c"}
To mitigate this issue, please refer to the troubleshooting guidelines."""


def test_a_login_that_entra_refuses_is_told_without_those_that_were_not_there() -> None:
    assert why(REFUSED) == (
        "WorkloadIdentityCredential: Microsoft Entra ID error '(invalid_request) AADSTS70021: No matching federated identity "
        "record. Correct the AZURE_ variables of your shell, or unset them."
    )
    assert why(REFUSED.replace("Workload", "Managed")).endswith("No matching federated identity record.")


async def test_a_login_that_failed_is_tried_once_for_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0

    async def fails(*_: object, **__: object) -> AccessTokenInfo:
        nonlocal tried
        tried += 1
        raise OSError(TRIED)

    monkeypatch.setattr(DefaultAzureCredential, "get_token_info", fails)
    async with PersonLogin(PUBLIC.authority_host) as login:
        for _ in range(3):
            with pytest.raises(AzureError, match="az login") as error:
                await login.get_token_info(PUBLIC.arm_scope)
            assert error.value.login

    assert tried == 1


class LoggedIn(PersonLogin):
    """Somebody with a token."""

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken("token", 2**31)

    async def get_token_info(self, *_: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        del options
        return AccessTokenInfo("token", 2**31)


async def test_the_clients_of_a_person_send_no_write() -> None:
    place = IdentityId.parse(
        "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.ManagedIdentity"
        "/userAssignedIdentities/one"
    )
    async with connect_as(LoggedIn(PUBLIC.authority_host), PUBLIC, 10.0) as (clients, _):
        with pytest.raises(AzureError, match="not sent"):
            await Identities(clients, SYSTEM).delete(place, Owner("lab", "gitlab", "gitlab"))
