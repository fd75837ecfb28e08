"""Attempt the access that GitLab will need: exchange a token of each service account, and use every container."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from azure.core.credentials import AccessTokenInfo

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import ContainerStatus
from gitlab_azure_identity.azure.access import Answers
from gitlab_azure_identity.azure.access_errors import (
    AccessAttempt,
    another_issuer,
    container_refused,
    containers_missing,
    signing_refused,
    token_refused,
)
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.domain.access import may
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Finding, failed, good, not_asked, worst
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.domain.storage_account import unusable
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.tokens import issuer_of
from gitlab_azure_identity.metrics import TOKEN_EXCHANGES
from gitlab_azure_identity.reconcile.context import AzureReads, KubeReads
from gitlab_azure_identity.reconcile.told import OPERATOR, Told


@dataclass(frozen=True)
class Proof:
    """The result of an attempt: the finding, the state of each container, and the token with which they were tried."""

    finding: Finding
    containers: tuple[ContainerStatus, ...]
    token: AccessTokenInfo | None = None

    @property
    def absent(self) -> tuple[str, ...]:
        """The containers that do not exist."""
        return tuple(one.name for one in self.containers if one.state == Reason.CONTAINER_NOT_FOUND)


def unproven(finding: Finding, desired: Desired) -> Proof:
    """The result without an attempt."""
    return Proof(finding, _states(desired, {}))


async def verify(
    azure: AzureReads, kube: KubeReads, attempt: AccessAttempt, identity: Identity, told: Told = OPERATOR
) -> Proof:
    """Attempt everything that GitLab does with its storage. Nothing is written. `told` has the words for a refused token."""
    desired = attempt.desired
    failure = unusable(attempt.account, desired.storage.containers) if attempt.account else None
    if desired.verification is Verification.DISABLED:
        message = "spec.verification is Disabled: access is not checked."
        if failure:
            message = f"{message} But {failure.message[0].lower()}{failure.message[1:]}"
        return unproven(not_asked(Link.ACCESS, Reason.DISABLED, message), desired)
    if failure:
        return unproven(failed(Link.ACCESS, failure), desired)
    exchanged = await asyncio.gather(
        *(_exchange(azure, kube, attempt, identity, account.name, told) for account in desired.service_accounts)
    )
    for answer in exchanged:
        TOKEN_EXCHANGES.labels(answer.reason if isinstance(answer, Failure) else "success").inc()
    tokens = [answer for answer in exchanged if isinstance(answer, AccessTokenInfo)]
    problems = [answer for answer in exchanged if isinstance(answer, Failure)]
    if not tokens:
        return concluded(attempt, problems, 0, None)
    storage = desired.storage
    answers = await azure.access.attempt(storage.blob_host, tuple(storage.containers.values()), tokens[0])
    existing = await _existing(azure, storage.blob_host, tokens[0]) if answers.lack_containers else ()
    return replace(concluded(attempt, problems, len(tokens), answers, existing), token=tokens[0])


def concluded(
    attempt: AccessAttempt,
    problems: Sequence[Failure],
    accounts: int,
    answers: Answers | None,
    existing: Sequence[str] = (),
) -> Proof:
    """The result of an attempt: why tokens were refused, of how many service accounts one was exchanged, and what the storage
    account answered to it. `existing` are the account's containers, where one is missing and they are known."""
    desired, found = attempt.desired, list(problems)
    states: dict[str, Failure | None] = {}
    if answers:
        states = {name: container_refused(rights, attempt, name) for name, rights in answers.containers.items()}
        absent = [name for name, failure in states.items() if failure and failure.reason is Reason.CONTAINER_NOT_FOUND]
        found += [failure for name, failure in states.items() if failure is not None and name not in absent]
        found += [signing_refused(answers.signing, attempt)] if answers.signing else []
        found += [containers_missing(absent, attempt, existing)] if absent else []
    containers = _states(desired, states)
    if found:
        return Proof(failed(Link.ACCESS, worst(found)), containers)
    count = len(states)
    message = (
        f"{accounts} service account{'s' * (accounts > 1)} exchanged a token at Entra. The identity {may(())} "
        f"in {count} container{'s' * (count != 1)} of {desired.storage.account}, and sign addresses."
    )
    return Proof(good(Link.ACCESS, Reason.VERIFIED, message), containers)


async def _existing(azure: AzureReads, host: str, token: AccessTokenInfo) -> tuple[str, ...]:
    """The account's containers. Empty where the identity may not list them: its role may be at the containers alone."""
    try:
        return await azure.access.containers(host, token)
    except AzureError:
        return ()


async def _exchange(
    azure: AzureReads,
    kube: KubeReads,
    attempt: AccessAttempt,
    identity: Identity,
    service_account: str,
    told: Told,
) -> AccessTokenInfo | Failure:
    namespace = attempt.desired.owner.namespace
    try:
        assertion = await kube.tokens.token(namespace, service_account, attempt.desired.cloud.audience)
    except ClusterError as error:
        return told.token(error, service_account, namespace)
    issuer = issuer_of(assertion)
    if issuer and issuer != attempt.desired.issuer:  # Entra may still accept it, by a credential with a former issuer
        return another_issuer(issuer, attempt)
    try:
        return await azure.access.exchange(identity, assertion)
    except AzureError as error:
        return token_refused(error, attempt, service_account)


def _states(desired: Desired, states: dict[str, Failure | None]) -> tuple[ContainerStatus, ...]:
    def state(container: str) -> Reason:
        if container not in states:
            return Reason.UNVERIFIED
        failure = states[container]
        return failure.reason if failure else Reason.VERIFIED

    return tuple(
        ContainerStatus(name=container, purpose=purpose, state=state(container))
        for purpose, container in desired.storage.containers.items()
    )
