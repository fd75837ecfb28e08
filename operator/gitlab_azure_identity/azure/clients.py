"""The clients of Azure Resource Manager. All resources and subscriptions share one pipeline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from azure.core.pipeline.policies import (
    ContentDecodePolicy,
    HeadersPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.mgmt.authorization.v2022_04_01.aio import AuthorizationManagementClient
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
from azure.mgmt.msi.v2024_11_30.aio import ManagedServiceIdentityClient

from gitlab_azure_identity.azure.login import FreshTokenPolicy, Login, OperatorLogin
from gitlab_azure_identity.azure.throttle import Throttle, ThrottlePolicy
from gitlab_azure_identity.azure.transport import (
    USER_AGENT,
    LoginTransport,
    RefusalPolicy,
    Transport,
    new_session,
)
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.permit import Permit

_NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"  # the scope of each role request names the subscription
SUBSCRIPTIONS = 50  # clients that are kept at most, since anybody may name a subscription in a resource


class Clients:
    """Azure Resource Manager of one cloud, through one pipeline.

    The policies are listed here because of what the default ones do. They retry, which is the loop's work. They register
    resource providers, and poll without end (azure-mgmt-core 1.6, AsyncARMAutoResourceProviderRegistrationPolicy)."""

    def __init__(
        self,
        cloud: Cloud,
        credential: Login,
        session: aiohttp.ClientSession,
        throttle: Throttle,
        timeout: float,
        permit: Permit | None = None,
    ) -> None:
        self.cloud, self.throttle, self.permit = cloud, throttle, permit or Permit()
        self._credential = credential
        self._pipeline: dict[str, Any] = {
            "policies": [
                RequestIdPolicy(),
                HeadersPolicy(),
                UserAgentPolicy(USER_AGENT, user_agent_overwrite=True),
                ContentDecodePolicy(),
                RefusalPolicy(),
                ThrottlePolicy(throttle),
                FreshTokenPolicy(credential),
                AsyncARMChallengeAuthenticationPolicy(credential, cloud.arm_scope),
            ],
            "transport": Transport(session, timeout, self.permit),
        }
        self._msi: dict[str, ManagedServiceIdentityClient] = {}
        self._roles = AuthorizationManagementClient(
            credential, _NO_SUBSCRIPTION, base_url=cloud.arm_endpoint, **self._pipeline
        )
        self.plain: AsyncARMPipelineClient[Any, Any] = AsyncARMPipelineClient(
            base_url=cloud.arm_endpoint, **self._pipeline
        )

    def msi(self, subscription: str) -> ManagedServiceIdentityClient:
        """Managed identities and federated credentials of a subscription."""
        if subscription not in self._msi:
            if len(self._msi) >= SUBSCRIPTIONS:
                del self._msi[next(iter(self._msi))]  # the oldest: it is created again when it is needed
            self._msi[subscription] = ManagedServiceIdentityClient(
                self._credential, subscription, base_url=self.cloud.arm_endpoint, **self._pipeline
            )
        return self._msi[subscription]

    @property
    def roles(self) -> AuthorizationManagementClient:
        """Role assignments, at any scope."""
        return self._roles


@asynccontextmanager
async def connect_as(
    login: Login, cloud: Cloud, timeout: float
) -> AsyncIterator[tuple[Clients, aiohttp.ClientSession]]:
    """The clients of a person who only looks. They send no write, and their few requests Azure need not be spared. `timeout`
    bounds one request, in seconds."""
    never = Permit()
    never.withdraw()
    async with new_session() as session, login:
        yield Clients(cloud, login, session, Throttle(published=False), timeout, never), session


@asynccontextmanager
async def connect(
    cloud: Cloud, throttle: Throttle, timeout: float, permit: Permit | None = None
) -> AsyncIterator[tuple[Clients, aiohttp.ClientSession]]:
    """Log in with the environment that the workload identity webhook sets in the operator's own pod.

    Yields the clients, and the HTTP session that verification shares with them. `timeout` bounds one request, in seconds.
    Raises ValueError when the environment lacks AZURE_CLIENT_ID, AZURE_TENANT_ID or AZURE_FEDERATED_TOKEN_FILE."""
    async with new_session() as session:
        credential = OperatorLogin(
            authority=cloud.authority_host.rstrip("/"), transport=LoginTransport(session, timeout), retry_total=0
        )
        yield Clients(cloud, credential, session, throttle, timeout, permit), session
