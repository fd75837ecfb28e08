"""What is said of access before anything is attempted: of an account that GitLab cannot use, under each `spec.verification`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from gitlab_azure_identity.azure.access_errors import AccessAttempt
from gitlab_azure_identity.reconcile.verify import verify

from .worlds import ACCOUNT, identity, wanted

if TYPE_CHECKING:
    from gitlab_azure_identity.domain.storage_account import StorageAccount
    from gitlab_azure_identity.reconcile.context import AzureReads, KubeReads

FILES = replace(ACCOUNT, kind="FileStorage", blob_host=None)
UNUSABLE = (
    "torage account gitlabstore has no Blob Storage, since its kind is FileStorage. Use an account of kind StorageV2."
)
NOT_CHECKED = "spec.verification is Disabled: access is not checked."


@pytest.mark.parametrize(
    ("verification", "account", "status", "reason", "message"),
    [
        ("Required", FILES, "False", "AccountUnusable", f"S{UNUSABLE}"),
        ("Report", FILES, "False", "AccountUnusable", f"S{UNUSABLE}"),
        # nobody asks for a proof, and what is known all the same is told
        ("Disabled", FILES, "Unknown", "Disabled", f"{NOT_CHECKED} But s{UNUSABLE}"),
        ("Disabled", ACCOUNT, "Unknown", "Disabled", NOT_CHECKED),
        ("Disabled", None, "Unknown", "Disabled", NOT_CHECKED),
    ],
)
async def test_an_account_is_judged_without_a_request(
    verification: str, account: StorageAccount | None, status: str, reason: str, message: str
) -> None:
    nobody = (cast("AzureReads", None), cast("KubeReads", None))
    attempt = AccessAttempt(wanted({"verification": verification}), fresh=False, account=account)

    proof = await verify(*nobody, attempt, identity())

    assert (proof.finding.status, proof.finding.reason, proof.finding.message) == (status, reason, message)
    assert {container.state for container in proof.containers} == {"Unverified"}
