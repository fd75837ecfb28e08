"""The issuer of the cluster's service account tokens: the setting, or the answer of the API server."""

import math
from typing import TypeGuard

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.findings import CannotProceed, Failure, Outlook
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import Context

KNOWN_FOR = 60.0  # seconds; it changes only with the API server itself
DOING = "read the cluster's OIDC issuer (/.well-known/openid-configuration)"


class Issuer:
    """Knows the issuer. It asks the API server again after a while."""

    def __init__(self, context: Context) -> None:
        self._setting, self._tokens, self._clock = context.issuer, context.kube.tokens, context.clock
        self._discovered, self._since = "", -math.inf

    async def current(self) -> str:
        """The issuer, to the letter. Raises CannotProceed."""
        if self._setting:
            return self._setting
        if self._clock.steady() - self._since > KNOWN_FOR:
            self._discovered, self._since = await self._discover(), self._clock.steady()
        return self._discovered

    async def of_a_deletion(self, resource: Resource) -> str:
        """The issuer. When the API server no longer gives it, the one on record, or "" when nothing was ever created for the
        resource. Raises CannotProceed for a transient failure."""
        try:
            return await self.current()
        except CannotProceed as stop:
            if stop.failure.outlook is not Outlook.STALLED:
                raise
            return resource.status.issuer or ""

    async def _discover(self) -> str:
        try:
            issuer = await self._tokens.issuer()
        except ClusterError as error:
            known = kube_errors.classify(error, DOING, "this cluster")
            if known.outlook is Outlook.TRANSIENT:
                raise CannotProceed(Link.IDENTITY, known) from error
            issuer = None
        if not is_issuer(issuer):
            raise CannotProceed(Link.IDENTITY, UNKNOWN)
        return issuer


def is_issuer(answer: str | None) -> TypeGuard[str]:
    """Whether Entra could ask the issuer for its documents."""
    return answer is not None and answer.startswith("https://")


UNKNOWN = Failure(
    Reason.ISSUER_UNKNOWN,
    f"The operator could not {DOING}. Enable the OIDC issuer ({commands.ENABLE_ISSUER.text}), or name it in the operator's "
    "setting `issuer`.",
    Outlook.STALLED,
)
