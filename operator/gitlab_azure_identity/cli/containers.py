"""What a pass would find of the containers, for a person who has no token of the identity."""

from collections.abc import Sequence

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.azure.access_errors import AccessAttempt, containers_missing
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.operations import listing_containers
from gitlab_azure_identity.cli.looking import Look
from gitlab_azure_identity.domain.assessment import in_the_way_of_access
from gitlab_azure_identity.domain.changes import CreateContainer
from gitlab_azure_identity.domain.findings import Finding, failed
from gitlab_azure_identity.domain.plan import existed, plan_containers
from gitlab_azure_identity.domain.storage_account import unusable
from gitlab_azure_identity.reconcile.aim import Aim


async def foreseen_containers(
    look: Look, found: Aim, obstacles: Sequence[Finding]
) -> tuple[tuple[CreateContainer, ...], tuple[Finding, ...]]:
    """The containers that the operator would create, and a finding about those that are missing and that it would not.

    The operator learns that a container is missing when it attempts access. A person asks Resource Manager. `obstacles` are those
    of the other links: behind one of them the operator attempts no access, and creates none."""
    desired, account = found.goal.desired, found.observation.account
    if account is None or desired.verification is Verification.DISABLED:
        return (), ()
    storage = desired.storage
    if failure := unusable(account, storage.containers):
        return (), (failed(Link.ACCESS, failure),)
    try:
        existing = await look.names.containers(storage.scope)
    except AzureError as error:
        return (), (failed(Link.ACCESS, look.told.azure(error, listing_containers(storage.scope))),)
    absent = [name for name in storage.containers.values() if name not in existing]
    before = existed(found.resource.status, storage.blob_host)
    created = plan_containers(found.goal, absent, found.resource.status)
    lost = [name for name in absent if name not in {one.container for one in created}]
    attempt = AccessAttempt(desired, fresh=False, account=account, existed=before)
    missing = (failed(Link.ACCESS, containers_missing(lost, attempt, existing)),) if lost else ()
    return () if in_the_way_of_access(obstacles, desired.unmanaged) else created, missing
