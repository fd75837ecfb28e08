"""What Azure refuses to callers whose roles would permit it: deny assignments, conditions, locks, policies."""

import pytest

from lab.azure import seeded
from lab.controls import Controls, RefusedError

from .objects import (
    ACCOUNT,
    DATA_CONTRIBUTOR,
    DATA_READER,
    DELEGATOR,
    GROUP,
    OWNER,
    REGISTRY,
    SUBSCRIPTION,
    assign,
    assignment_path,
    credential_path,
    grant,
    identity_path,
    make_identity,
    new_guid,
    new_name,
    trust,
)
from .plain import Plain, Reply

LIST = "/registry?restype=container&comp=list"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
SERVICE_PRINCIPAL = {"principalType": "ServicePrincipal"}
LOCATION = {"location": "westeurope"}
ROLE_WRITE = "Microsoft.Authorization/roleAssignments/write"


# Deny assignments


async def test_a_deny_assignment_overrides_every_role(plain: Plain, controls: Controls) -> None:
    deny = controls.deny(ACCOUNT, name="stack", actions=["Microsoft.Authorization/roleAssignments/*"])
    path = assignment_path(ACCOUNT, new_guid())
    body = grant(new_guid(), DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)

    denied = [await plain.arm("PUT", path, body, principal=name) for name in ("owner", "operator")]
    elsewhere = await plain.arm("PUT", assignment_path(GROUP, new_guid()), body)
    controls.restore()

    for reply in denied:
        assert (reply.status, reply.code) == (403, "DenyAssignmentAuthorizationFailed")
        assert reply.headers["x-ms-failure-cause"] == "gateway"
    assert denied[1].message == (
        f"The client '{seeded.OPERATOR_CLIENT}' with object id '{seeded.OPERATOR_PRINCIPAL}' has permission to perform "
        f"action '{ROLE_WRITE}' on scope '{path}'; however, the access is denied because of the deny assignment with name "
        f"'stack' and Id '{deny.replace('-', '')}' at scope '{ACCOUNT}'."
    )
    assert elsewhere.status == 201
    assert (await plain.arm("PUT", path, body)).status == 201


async def test_a_deny_assignment_has_excluded_principals_and_actions(plain: Plain, controls: Controls) -> None:
    controls.deny(GROUP, actions=["*"], not_actions=["*/read"], excluded_principals=[seeded.OWNER_PRINCIPAL])
    path = identity_path(new_name())

    assert (await plain.arm("PUT", path, LOCATION)).status == 201
    assert (await plain.arm("GET", path, principal="operator")).status == 200
    assert (await plain.arm("DELETE", path, principal="operator")).code == "DenyAssignmentAuthorizationFailed"
    controls.restore()
    controls.deny(GROUP, actions=["*"], principals=[new_guid()])
    assert (await plain.arm("DELETE", path, principal="operator")).status == 200


async def test_a_denied_caller_without_a_role_gets_authorization_failed(plain: Plain, controls: Controls) -> None:
    stranger = (await make_identity(plain)).principal_id
    controls.deny(SUBSCRIPTION, actions=["*"])

    assert (await plain.arm("GET", GROUP, principal=stranger)).code == "AuthorizationFailed"


async def test_data_actions_are_denied_without_management_actions(plain: Plain, controls: Controls) -> None:
    principal = (await make_identity(plain)).principal_id
    await assign(plain, principal, DATA_CONTRIBUTOR, ACCOUNT)
    controls.deny(REGISTRY, data_actions=[f"{BLOBS}/write", f"{BLOBS}/add/action"])

    listed = await plain.blob("GET", LIST, principal=principal)
    written = await plain.blob("PUT", "/registry/x", principal=principal, data=b"x", x_ms_blob_type="BlockBlob")
    beside = await plain.blob("PUT", "/git-lfs/x", principal=principal, data=b"x", x_ms_blob_type="BlockBlob")

    assert (listed.status, written.status, beside.status) == (200, 403, 201)
    assert (await plain.arm("GET", ACCOUNT)).status == 200


# Conditions


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (grant(new_guid(), DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL), 201),
        (grant(new_guid(), DELEGATOR, **SERVICE_PRINCIPAL), 201),
        (grant(new_guid(), OWNER, **SERVICE_PRINCIPAL), 403),
        (grant(new_guid(), DATA_CONTRIBUTOR, principalType="User"), 403),
        (grant(new_guid(), DATA_CONTRIBUTOR), 403),
    ],
)
async def test_the_operator_may_assign_only_the_roles_in_its_condition(plain: Plain, body: object, status: int) -> None:
    path = assignment_path(ACCOUNT, new_guid())

    reply = await plain.arm("PUT", path, body, principal="operator")

    assert reply.status == status
    if status == 403:
        assert reply.code == "AuthorizationFailed"
        assert reply.message == (
            f"The client '{seeded.OPERATOR_CLIENT}' with object id '{seeded.OPERATOR_PRINCIPAL}' does not have authorization "
            f"or an ABAC condition not fulfilled to perform action '{ROLE_WRITE}' over scope '{path}' or the scope is "
            "invalid. If access was recently granted, please refresh your credentials."
        )


async def test_the_operator_may_remove_only_the_roles_in_its_condition(plain: Plain) -> None:
    principal = (await make_identity(plain)).principal_id
    own, foreign = await assign(plain, principal, DELEGATOR, REGISTRY), await assign(plain, principal, OWNER, ACCOUNT)

    removed = await plain.arm("DELETE", own, principal="operator")
    again = await plain.arm("DELETE", own, principal="operator")
    refused = await plain.arm("DELETE", foreign, principal="operator")

    assert (removed.status, again.status) == (200, 204)
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")
    assert "or an ABAC condition not fulfilled to perform action" in refused.message


WRITE_ONE_CONTAINER = (
    f"((!(ActionMatches{{'{BLOBS}/write'}}) AND !(ActionMatches{{'{BLOBS}/add/action'}})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'git-lfs'))"
)


async def test_a_condition_on_a_data_role_limits_writing_to_one_container(plain: Plain) -> None:
    principal, path = (await make_identity(plain)).principal_id, assignment_path(ACCOUNT, new_guid())
    body = grant(
        principal, DATA_CONTRIBUTOR, condition=WRITE_ONE_CONTAINER, conditionVersion="2.0", **SERVICE_PRINCIPAL
    )
    made = await plain.arm("PUT", path, body)

    listed = await plain.blob("GET", LIST, principal=principal)
    written = await plain.blob("PUT", "/registry/x", principal=principal, data=b"x", x_ms_blob_type="BlockBlob")
    beside = await plain.blob("PUT", "/git-lfs/x", principal=principal, data=b"x", x_ms_blob_type="BlockBlob")

    assert (made.status, made.body["properties"]["conditionVersion"]) == (201, "2.0")
    assert made.body["properties"]["condition"] == WRITE_ONE_CONTAINER
    assert (listed.status, written.status, beside.status) == (200, 403, 201)


@pytest.mark.parametrize(
    ("expression", "listed", "prefixed", "read"),
    [
        (f"!(ActionMatches{{'{BLOBS}/read'}} AND SubOperationMatches{{'Blob.List'}})", 403, 403, 200),
        (f"!(ActionMatches{{'{BLOBS}/read'}} AND NOT SubOperationMatches{{'Blob.List'}})", 200, 200, 403),
        (f"@Request[{BLOBS}:prefix] StringStartsWith 'hello'", 403, 200, 403),
        (f"@Resource[{BLOBS}:path] StringLike '*.txt'", 403, 403, 200),
    ],
)
async def test_a_condition_tells_a_list_from_a_read(
    plain: Plain, expression: str, listed: int, prefixed: int, read: int
) -> None:
    principal = (await make_identity(plain)).principal_id
    body = grant(principal, DATA_READER, condition=expression, conditionVersion="2.0", **SERVICE_PRINCIPAL)
    assert (await plain.arm("PUT", assignment_path(ACCOUNT, new_guid()), body)).status == 201

    replies = [
        await plain.blob("GET", path, principal=principal)
        for path in (LIST, f"{LIST}&prefix=hello", "/registry/hello.txt")
    ]

    assert [reply.status for reply in replies] == [listed, prefixed, read]


async def test_a_plain_assignment_beside_a_conditioned_one_of_the_same_role_is_refused(plain: Plain) -> None:
    principal, standing = (await make_identity(plain)).principal_id, new_guid()
    conditioned = grant(
        principal, DATA_CONTRIBUTOR, condition=WRITE_ONE_CONTAINER, conditionVersion="2.0", **SERVICE_PRINCIPAL
    )
    await plain.arm("PUT", assignment_path(ACCOUNT, standing), conditioned)

    reply = await plain.arm(
        "PUT", assignment_path(ACCOUNT, new_guid()), grant(principal, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)
    )

    assert (reply.status, reply.code) == (409, "RoleAssignmentExists")
    assert standing.replace("-", "") in reply.message


@pytest.mark.parametrize(
    ("condition", "version", "why"),
    [
        (WRITE_ONE_CONTAINER, "1.0", "The conditionVersion has to be 2.0."),
        (WRITE_ONE_CONTAINER, None, "The conditionVersion has to be 2.0."),
        ("(ActionMatches{'x'}", "2.0", "The condition lacks ')'."),
        (
            "@Environment[UtcNow] DateTimeGreaterThan '2026'",
            "2.0",
            "The lab evaluates no attribute @environment[UtcNow].",
        ),
    ],
)
async def test_a_condition_that_cannot_be_evaluated_is_refused(
    plain: Plain, condition: str, version: str | None, why: str
) -> None:
    body = grant(new_guid(), DATA_CONTRIBUTOR, condition=condition, conditionVersion=version, **SERVICE_PRINCIPAL)

    reply = await plain.arm("PUT", assignment_path(ACCOUNT, new_guid()), body)

    assert (reply.status, reply.code) == (400, "BadRequest")
    assert reply.message == f"The given role assignment condition is invalid. {why}"


# Locks


def locked(reply: Reply, operation: str, path: str, scope: str) -> bool:
    text = (
        f"The scope '{path}' cannot perform {operation} operation because following scope(s) are locked: '{scope}'. "
        "Please remove the lock and try again."
    )
    assert reply.headers["x-ms-failure-cause"] == "gateway"
    return (reply.status, reply.code, reply.message) == (409, "ScopeLocked", text)


async def test_a_delete_lock_on_an_identity_covers_its_credentials_until_it_is_removed(
    plain: Plain, controls: Controls
) -> None:
    name = (await make_identity(plain)).name
    path, identity = credential_path(name, "gitlab"), identity_path(name)
    await plain.arm("PUT", path, trust("i", "s"))
    lock = controls.put_lock(identity)

    changed = await plain.arm("PUT", path, trust("i", "t"))
    refused = [await plain.arm("DELETE", each, principal="operator") for each in (path, identity)]
    controls.remove_lock(lock)

    assert changed.status == 200
    assert locked(refused[0], "delete", path, identity)
    assert locked(refused[1], "delete", identity, identity)
    assert (await plain.arm("DELETE", path, principal="operator")).status == 200


@pytest.mark.parametrize("scope", [ACCOUNT, ACCOUNT.rpartition("/providers/")[0], SUBSCRIPTION])
async def test_a_delete_lock_forbids_deleting_role_assignments_and_allows_new_ones(
    plain: Plain, controls: Controls, scope: str
) -> None:
    path = assignment_path(REGISTRY, new_guid())
    body = grant(new_guid(), DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)
    controls.put_lock(scope)

    made = await plain.arm("PUT", path, body, principal="operator")
    refused = await plain.arm("DELETE", path, principal="operator")

    assert made.status == 201
    assert locked(refused, "delete", path, scope)


async def test_a_read_only_lock_allows_only_reads(plain: Plain, controls: Controls) -> None:
    path = assignment_path(ACCOUNT, new_guid())
    body = grant(new_guid(), DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)
    controls.put_lock(ACCOUNT, "ReadOnly")

    written, read = await plain.arm("PUT", path, body), await plain.arm("GET", ACCOUNT)
    deleted = await plain.arm("DELETE", path)
    container = await plain.arm("PUT", f"{REGISTRY}-2", {})
    data = await plain.blob("GET", "/?comp=list")

    assert locked(written, "write", path, ACCOUNT)
    assert locked(deleted, "delete", path, ACCOUNT)
    assert locked(container, "write", f"{REGISTRY}-2", ACCOUNT)
    assert (read.status, data.status) == (200, 200)


async def test_a_group_with_a_locked_resource_cannot_be_deleted(plain: Plain, controls: Controls) -> None:
    group = f"{SUBSCRIPTION}/resourceGroups/rg-{new_name()}"
    await plain.arm("PUT", group, LOCATION)
    await plain.arm("PUT", identity_path("kept", group), LOCATION)
    controls.put_lock(identity_path("kept", group))

    assert locked(await plain.arm("DELETE", group), "delete", group, identity_path("kept", group))


async def test_a_lock_is_a_resource_that_other_locks_do_not_protect(plain: Plain, controls: Controls) -> None:
    path = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"
    body = {"properties": {"level": "ReadOnly", "notes": "why"}}

    made = await plain.arm("PUT", path, body)
    again = await plain.arm("PUT", path, body)
    listed = await plain.arm("GET", f"{GROUP}/providers/Microsoft.Authorization/locks")
    refused = await plain.arm("PUT", identity_path(new_name()), LOCATION)
    deleted, gone = [await plain.arm(method, path) for method in ("DELETE", "GET")]
    nonsense = await plain.arm("PUT", path, {"properties": {"level": "Some"}})

    assert (made.status, again.status) == (201, 200)
    assert made.body == {"id": path, "name": "keep", "type": "Microsoft.Authorization/locks", **body}
    assert listed.body["value"] == [made.body]
    assert refused.code == "ScopeLocked"
    assert (deleted.status, gone.status, gone.code) == (200, 404, "LockNotFound")
    assert (nonsense.status, nonsense.code) == (400, "BadRequest")
    assert (await plain.arm("PUT", path, body, principal="operator")).code == "AuthorizationFailed"


def test_an_invalid_lock_is_refused(controls: Controls) -> None:
    with pytest.raises(RefusedError, match="level is CanNotDelete or ReadOnly, not 'Some'"):
        controls.put_lock(ACCOUNT, "Some")
    with pytest.raises(RefusedError, match="There is no lock '/x'"):
        controls.remove_lock("/x")


# Policies


async def test_a_policy_denies_writes_of_its_resource_type(plain: Plain, controls: Controls) -> None:
    kept = (await make_identity(plain)).name
    controls.put_policy(GROUP, "Microsoft.ManagedIdentity/userAssignedIdentities", "no-identities")
    name = new_name()

    refused = await plain.arm("PUT", identity_path(name), LOCATION, principal="operator")
    credential = await plain.arm("PUT", credential_path(kept, "gitlab"), trust("i", "s"))

    identifiers = (
        f'[{{"policyAssignment":{{"name":"no-identities","id":"{GROUP}/providers/Microsoft.Authorization/policyAssignments/'
        f'no-identities"}},"policyDefinition":{{"name":"no-identities","id":"{SUBSCRIPTION}/providers/'
        'Microsoft.Authorization/policyDefinitions/no-identities"}}]'
    )
    assert (refused.status, refused.code) == (403, "RequestDisallowedByPolicy")
    assert refused.message == f"Resource '{name}' was disallowed by policy. Policy identifiers: '{identifiers}'."
    error = refused.body["error"]
    assert (error["target"], error["additionalInfo"][0]["type"]) == (name, "PolicyViolation")
    assert error["additionalInfo"][0]["info"]["policyDefinitionEffect"] == "deny"
    assert credential.status == 201
    assert (await plain.arm("GET", identity_path(kept))).status == 200
    assert (await plain.arm("DELETE", identity_path(kept))).status == 200
