"""Whether a storage account has a host name. A person who may not read the account is told nothing else of its end: Azure answers
403 for an account that exists and for one that does not."""

import socket
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
from azure.core.exceptions import AzureError as SdkError
from azure.core.rest import HttpRequest

from gitlab_azure_identity.azure.transport import Transport, new_session
from gitlab_azure_identity.domain.clouds import Cloud

_NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}
# What proxies answer to a host that they cannot resolve: Squid and Envoy 503, others 502 or 504.
_NO_SUCH_HOST = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class AccountHosts:
    """Asks for the hosts of storage accounts, without a token. Each question opens a connection of its own, since one that is
    still open needs no name."""

    def __init__(
        self, cloud: Cloud, timeout: float, connect: Callable[[], aiohttp.ClientSession] = new_session
    ) -> None:
        self._cloud, self._timeout, self._connect = cloud, timeout, connect

    async def known(self, account: str) -> bool:
        """False when the name does not resolve, here or at the proxy. Any other failure says nothing, and counts as known."""
        request = HttpRequest("HEAD", f"https://{account}.{self._cloud.blob_domain}/")
        try:
            async with self._connect() as session:
                await Transport(session, self._timeout).send(request)
        except SdkError as error:
            return not _is_unknown(error.inner_exception)
        except OSError:
            pass
        return True


def _is_unknown(error: BaseException | None) -> bool:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return error.os_error.errno in _NO_SUCH_NAME
    return isinstance(error, aiohttp.ClientHttpProxyError) and error.status in _NO_SUCH_HOST
