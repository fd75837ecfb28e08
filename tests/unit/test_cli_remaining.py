"""Why the operator is not uninstalled: which resources exist, and what to do about each."""

from __future__ import annotations

from typing import Any

from gitlab_azure_identity.cli.remaining import refusal


def resource(namespace: str, name: str, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, **metadata}}


def test_each_resource_is_named_with_the_command_that_deletes_it() -> None:
    said = refusal([resource("staging", "gitlab"), resource("gitlab", "gitlab")], 120)

    assert said == (
        "The operator is not uninstalled: only it removes what a resource has in Azure. There is gitlab/gitlab, staging/gitlab.\n"
        "Delete first, and wait until it no longer exists:\n"
        "  kubectl -n gitlab delete gai gitlab\n"
        "  kubectl -n staging delete gai gitlab\n"
        "To uninstall all the same, and leave them without an operator, skip this check with --no-hooks."
    )


def test_one_that_is_being_deleted_is_named_with_the_command_that_shows_what_it_waits_for() -> None:
    said = refusal([resource("gitlab", "old", deletionTimestamp="2026-11-26T03:00:00Z")], 120)

    assert said == (
        "The operator is not uninstalled: only it removes what a resource has in Azure. There is gitlab/old.\n"
        "Deleted, and still there after 120 s. What it waits for is in its conditions and events:\n"
        "  kubectl -n gitlab describe gai old\n"
        "To uninstall all the same, and leave them without an operator, skip this check with --no-hooks."
    )
