"""`kubectl gai status`, as a person and a program read it: golden output for a pipe, and for 80 and 200 columns."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from gitlab_azure_identity.api.conditions import CHAIN, READY, Link
from gitlab_azure_identity.cli.chain import Chain, Mark, chain
from gitlab_azure_identity.cli.drawing import answer, lines, tree

from .worlds import CLIENT, NOW_TEXT, PRINCIPAL, STORAGE, TENANT, resource

MISSING = "There is no container gitlab-mr-diffs of storage account gitlabstore. Create it: make-container --name gitlab-mr-diffs"
RECORD: Mapping[str, Any] = {
    "identity": {"name": "lab-gitlab-gitlab", "clientId": CLIENT, "principalId": PRINCIPAL, "tenantId": TENANT},
    "federatedCredentials": [{"name": "gai-gitlab", "subject": "system:serviceaccount:gitlab:gitlab"}],
    "roleAssignments": [
        {"name": PRINCIPAL, "role": "Storage Blob Data Contributor", "scope": f"{STORAGE}/gitlabstore"}
    ],
    "serviceAccounts": [{"name": "gitlab", "management": "Manage"}],
    "secrets": {"registry": "gitlab-registry-storage", "backups": "gitlab-azure-backup-conf"},
    "workloads": [{"component": "toolbox", "state": "Current"}],
}


def condition(kind: str, status: str = "True", reason: str = "Ready", message: str = "All is well.",
              generation: int = 1) -> dict[str, Any]:  # fmt: skip
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": NOW_TEXT,
    }


def status(**broken: tuple[str, str, str]) -> dict[str, Any]:
    """A status in which all holds, but for these conditions: status, reason, message."""
    return {**RECORD, "conditions": [condition(kind, *broken.get(kind, ())) for kind in (READY, *CHAIN)]}


READY_CHAIN = chain(resource(status=status()))
BROKEN = chain(
    resource(
        status=status(
            Ready=("False", "ContainerNotFound", MISSING), AccessVerified=("False", "ContainerNotFound", MISSING)
        )
    )
)


def drawn(found: Chain, width: int) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=width, highlight=False, markup=False).print(tree(found))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_piped_it_is_a_line_for_each_link_and_the_explanation() -> None:
    assert list(lines(BROKEN)) == PIPED


@pytest.mark.parametrize("width", [80, 200])
def test_in_a_terminal_it_is_a_tree_of_its_width(width: int) -> None:
    assert drawn(BROKEN, width) == TREES[width]
    assert max(map(len, drawn(BROKEN, width))) <= width


def test_when_all_is_well_nothing_is_explained() -> None:
    assert READY_CHAIN.healthy
    assert READY_CHAIN.explanation == ""
    assert next(lines(READY_CHAIN)) == "gitlab/gitlab: ok Ready"
    assert len(list(lines(READY_CHAIN))) == 1 + len(CHAIN)


def test_a_link_that_holds_without_a_name_on_record_has_its_reason() -> None:
    proven = status(CredentialsFederated=("True", "Proven", "Access works.")) | {"federatedCredentials": []}

    assert "  ok        CredentialsFederated      Proven" in lines(chain(resource(status=proven)))


def test_what_is_next_where_ready_does_not_wait_is_told() -> None:
    install = "Release gitlab has no pods that use storage in namespace gitlab. Install GitLab."
    found = chain(resource(status=status(WorkloadsReady=("Unknown", "NotDeployed", install))))

    assert found.healthy
    assert list(lines(found))[-2:] == ["  unknown   WorkloadsReady            NotDeployed", f"            {install}"]


def test_what_the_values_cannot_do_stands_under_the_secrets_also_when_all_is_well() -> None:
    lfs = {"storage": {"accountName": "gitlabstore", "containers": {"lfs": {"management": "Disabled"}}}}
    found = chain(resource({**lfs, "gitlab": {"version": "19.2"}}, status=status()))
    own = "Your own values must have: global.appConfig.lfs.enabled: false."

    assert found.healthy
    secrets, note, defect, *_ = list(lines(found))[-5:]
    assert secrets.startswith("  ok        SecretsWritten")
    assert note == f"            {own}"
    assert defect.startswith("            GitLab before 19.3")
    assert own in " ".join(drawn(found, 200))
    assert answer(found)["notes"][0] == own
    assert chain(resource({"storage": 5}, status=status())).notes == ()


def test_the_first_broken_link_is_the_one_that_ready_repeats() -> None:
    """A link before it may only wait for it."""
    found = chain(
        resource(
            status=status(
                IdentityReady=("Unknown", "Pending", "Waits for the roles."),
                RolesAssigned=("False", "NotPermitted", "No."),
                Ready=("False", "NotPermitted", "No."),
            )
        )
    )

    assert found.broken is Link.ROLES
    assert [step.mark for step in found.steps[:3]] == [Mark.UNKNOWN, Mark.HOLDS, Mark.BROKEN]


@pytest.mark.parametrize(
    ("given", "generation", "deleting", "headline", "explained"),
    [
        pytest.param({}, 1, False, "NotSeen", "No operator has looked", id="nobody has looked"),
        pytest.param(status(), 2, False, "Outdated", "generation 2 yet", id="changed since"),
        pytest.param(
            status(Ready=("False", "Suspended", "Stopped.")), 1, False, "Suspended", "Stopped.", id="suspended"
        ),
        pytest.param(
            status(Ready=("False", "DeletionBlocked", "Locked.")),
            1, True, "DeletionBlocked, being deleted", "Locked.", id="a deletion waits",
        ),
        pytest.param(status(), 1, True, "Ready, being deleted", "All is well.", id="a deletion has begun"),
    ],
)  # fmt: skip
def test_what_concerns_the_whole_resource_is_explained_at_its_top(
    given: dict[str, Any], generation: int, deleting: bool, headline: str, explained: str
) -> None:
    found = chain(resource(status=given, generation=generation, deleting=deleting))

    assert not found.healthy
    assert found.broken is None
    assert found.headline == headline
    assert explained in list(lines(found))[1]
    assert explained in " ".join(drawn(found, 200))


def test_access_that_is_only_reported_does_not_make_it_a_problem() -> None:
    found = chain(resource(status=status(AccessVerified=("False", "AccessDenied", "No."))))

    assert found.healthy
    assert list(lines(found))[-2] == "  broken    AccessVerified            AccessDenied"


def test_pods_that_lack_something_are_explained_though_the_resource_is_ready() -> None:
    found = chain(resource(status=status(WorkloadsReady=("False", "StalePods", "Restart them."))))

    assert found.healthy
    assert list(lines(found))[-2:] == [
        "  broken    WorkloadsReady            StalePods",
        "            Restart them.",
    ]


def test_a_terminal_gets_no_control_characters_from_a_status() -> None:
    """Whoever may write the status can put them in."""
    found = chain(resource(status=status(Ready=("False", "Invalid", "a\x1b[2Jb\nc\u202ed"))))

    assert found.explanation == "a [2Jb c d"


def test_a_program_gets_the_links_with_their_names_and_messages() -> None:
    told = answer(BROKEN)

    assert {key: told[key] for key in ("namespace", "name", "ready", "reason", "broken")} == {
        "namespace": "gitlab",
        "name": "gitlab",
        "ready": False,
        "reason": "ContainerNotFound",
        "broken": "AccessVerified",
    }
    assert [link["link"] for link in told["links"]] == list(CHAIN)
    assert told["links"][0]["names"] == ["lab-gitlab-gitlab", f"client ID {CLIENT}"]
    assert told["links"][-2]["message"] == told["message"] == MISSING


PIPED = """\
gitlab/gitlab: broken ContainerNotFound
  ok        IdentityReady             lab-gitlab-gitlab, client ID cccccccc-0000-4000-8000-000000000001
  ok        CredentialsFederated      system:serviceaccount:gitlab:gitlab
  ok        RolesAssigned             Storage Blob Data Contributor on gitlabstore
  ok        ServiceAccountsAnnotated  gitlab
  ok        SecretsWritten            gitlab-registry-storage, gitlab-azure-backup-conf
  broken    AccessVerified            ContainerNotFound
            There is no container gitlab-mr-diffs of storage account gitlabstore. Create it: make-container --name gitlab-mr-diffs
  ok        WorkloadsReady            toolbox
""".splitlines()
TREES = {
    80: """\
✗ gitlab/gitlab  ContainerNotFound
├── ✓ IdentityReady             lab-gitlab-gitlab, client ID
│   cccccccc-0000-4000-8000-000000000001
├── ✓ CredentialsFederated      system:serviceaccount:gitlab:gitlab
├── ✓ RolesAssigned             Storage Blob Data Contributor on gitlabstore
├── ✓ ServiceAccountsAnnotated  gitlab
├── ✓ SecretsWritten            gitlab-registry-storage,
│   gitlab-azure-backup-conf
├── ✗ AccessVerified            ContainerNotFound
│   └── There is no container gitlab-mr-diffs of storage account gitlabstore.
│       Create it: make-container --name gitlab-mr-diffs
└── ✓ WorkloadsReady            toolbox
""".splitlines(),
    200: """\
✗ gitlab/gitlab  ContainerNotFound
├── ✓ IdentityReady             lab-gitlab-gitlab, client ID cccccccc-0000-4000-8000-000000000001
├── ✓ CredentialsFederated      system:serviceaccount:gitlab:gitlab
├── ✓ RolesAssigned             Storage Blob Data Contributor on gitlabstore
├── ✓ ServiceAccountsAnnotated  gitlab
├── ✓ SecretsWritten            gitlab-registry-storage, gitlab-azure-backup-conf
├── ✗ AccessVerified            ContainerNotFound
│   └── There is no container gitlab-mr-diffs of storage account gitlabstore. Create it: make-container --name gitlab-mr-diffs
└── ✓ WorkloadsReady            toolbox
""".splitlines(),
}
