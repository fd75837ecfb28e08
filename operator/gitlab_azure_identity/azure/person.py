"""A person's login to Azure: `az login`, or whatever else `DefaultAzureCredential` finds on their machine."""

import asyncio
import re

from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.identity.aio import DefaultAzureCredential

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors

LOGIN_LIMIT = 30.0  # seconds for the whole chain: the Azure CLI alone takes up to 10
# azure-identity 1.27: one line for each credential that was tried, `\t<Credential>: <why not>`.
_TRIED = re.compile(r"^\s*(?P<credential>\w+Credential): (?P<why>.+)$", re.MULTILINE)
_AZURE_CLI = "AzureCliCredential"
_BY_VARIABLES = ("EnvironmentCredential", "WorkloadIdentityCredential")


class PersonLogin(DefaultAzureCredential):
    """The login of whoever runs a command. It is tried once: all requests of the command share its failure."""

    def __init__(self, authority: str) -> None:
        super().__init__(authority=authority)
        self._failure: AzureError | None = None

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token for the scopes. Raises AzureError."""
        if self._failure is None:
            try:
                async with azure_errors(), asyncio.timeout(LOGIN_LIMIT):
                    return await super().get_token_info(*scopes, options=options)
            except AzureError as error:
                self._failure = AzureError(error.code, 401, why(error.detail), login=True)
        raise self._failure.with_traceback(None)

    def throw_away(self, token: str) -> None:
        """Nothing: the Azure CLI and the other sources keep their tokens, and renew them themselves."""


def why(text: str) -> str:
    """What the Azure CLI says, of all that was tried. Without that, what the last one says: the chain ends with the first login
    that is refused. Else the whole text."""
    tried = {found["credential"]: " ".join(found["why"].split()) for found in _TRIED.finditer(text)}
    if not tried:
        return " ".join(text.split())
    if _AZURE_CLI in tried:
        return tried[_AZURE_CLI]
    credential, said = list(tried.items())[-1]
    advice = " Correct the AZURE_ variables of your shell, or unset them." if credential in _BY_VARIABLES else ""
    return f"{credential}: {said.rstrip('.')}.{advice}"
