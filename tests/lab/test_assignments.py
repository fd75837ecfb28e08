"""Role assignments and definitions, compared with the recorded traffic of real Azure."""

import pytest

from lab.azure import seeded
from lab.controls import Controls

from .objects import (
    ACCOUNT,
    DATA_CONTRIBUTOR,
    DATA_READER,
    DELEGATOR,
    GROUP,
    OWNER,
    READER,
    REGISTRY,
    SUBSCRIPTION,
    assign,
    assignment_path,
    eventually,
    grant,
    identity_path,
    make_identity,
    new_guid,
    role,
)
from .plain import Plain

SERVICE_PRINCIPAL = {"principalType": "ServicePrincipal"}


async def test_a_new_assignment_answers_201_and_only_a_later_read_names_its_creator(plain: Plain) -> None:
    principal, name = (await make_identity(plain)).principal_id, new_guid()

    made = await plain.arm(
        "PUT", assignment_path(ACCOUNT, name), grant(principal, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)
    )
    read = await plain.arm("GET", assignment_path(ACCOUNT, name))

    assert made.status == 201
    assert list(made.body) == ["properties", "id", "type", "name"]
    assert list(made.body["properties"]) == [
        "roleDefinitionId",
        "principalId",
        "principalType",
        "scope",
        "condition",
        "conditionVersion",
        "createdOn",
        "updatedOn",
        "createdBy",
        "updatedBy",
        "delegatedManagedIdentityResourceId",
        "description",
    ]
    assert made.body["properties"]["roleDefinitionId"] == role(DATA_CONTRIBUTOR)
    assert made.body["properties"]["createdBy"] is None
    assert made.body["properties"]["updatedBy"] == seeded.OWNER_PRINCIPAL
    assert made.body["id"] == assignment_path(ACCOUNT, name)
    assert read.status == 200
    assert read.body["properties"] == {**made.body["properties"], "createdBy": seeded.OWNER_PRINCIPAL}


async def test_the_scope_keeps_the_case_of_the_request(plain: Plain) -> None:
    principal, name = (await make_identity(plain)).principal_id, new_guid()
    spelt = ACCOUNT.replace("resourceGroups/rg-storage", "RESOURCEGROUPS/RG-Storage")

    await plain.arm("PUT", assignment_path(spelt, name), grant(principal, DATA_READER, **SERVICE_PRINCIPAL))
    read = await plain.arm("GET", assignment_path(ACCOUNT, name))

    assert read.body["properties"]["scope"] == spelt


async def test_repeating_the_same_request_answers_201_again(plain: Plain) -> None:
    principal, name = (await make_identity(plain)).principal_id, new_guid()
    body = grant(principal, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)

    first, second = [await plain.arm("PUT", assignment_path(ACCOUNT, name), body) for _ in range(2)]

    assert (first.status, second.status) == (201, 201)


async def test_only_the_description_of_an_existing_assignment_may_change(plain: Plain) -> None:
    one, other = (await make_identity(plain)).principal_id, (await make_identity(plain)).principal_id
    path = assignment_path(ACCOUNT, new_guid())
    await plain.arm("PUT", path, grant(one, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL))

    described = await plain.arm("PUT", path, grant(one, DATA_CONTRIBUTOR, description="why", **SERVICE_PRINCIPAL))
    other_principal = await plain.arm("PUT", path, grant(other, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL))
    other_scope = await plain.arm(
        "PUT", path.replace(ACCOUNT, GROUP), grant(one, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)
    )

    assert (described.status, described.body["properties"]["description"]) == (201, "why")
    for refused in (other_principal, other_scope):
        assert (refused.status, refused.code) == (400, "RoleAssignmentUpdateNotPermitted")
        assert refused.message == "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."


async def test_a_second_assignment_of_the_same_role_is_refused_with_the_id_of_the_first(plain: Plain) -> None:
    principal, first = (await make_identity(plain)).principal_id, new_guid()
    body = grant(principal, DATA_CONTRIBUTOR, **SERVICE_PRINCIPAL)
    await plain.arm("PUT", assignment_path(ACCOUNT, first), body)

    second = await plain.arm("PUT", assignment_path(ACCOUNT.upper(), new_guid()), body)

    assert (second.status, second.code) == (409, "RoleAssignmentExists")
    assert second.message == (
        "The role assignment already exists. The ID of the existing role assignment is " + first.replace("-", "") + "."
    )


async def test_without_principal_type_a_new_principal_is_refused_until_it_is_replicated(
    plain: Plain, controls: Controls
) -> None:
    controls.set(principal_replication=1)
    principal, path = (await make_identity(plain)).principal_id, assignment_path(ACCOUNT, new_guid())

    early = await plain.arm("PUT", path, grant(principal, DATA_READER))

    async def assigned() -> bool:
        return (await plain.arm("PUT", path, grant(principal, DATA_READER))).status == 201

    assert (early.status, early.code) == (400, "PrincipalNotFound")
    assert early.message == (
        f"Principal {principal.replace('-', '')} does not exist in the directory {seeded.TENANT}. Check that you have the "
        "correct principal ID. If you are creating this principal and then immediately assigning a role, this error "
        "might be related to a replication delay. In this case, set the role assignment principalType property to a "
        "value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
    )
    assert await eventually(assigned) > 0.1
    assert (await plain.arm("GET", path)).body["properties"]["principalType"] == "ServicePrincipal"


async def test_with_principal_type_an_unknown_principal_is_accepted(plain: Plain) -> None:
    body = grant(new_guid(), DATA_READER, **SERVICE_PRINCIPAL)

    assert (await plain.arm("PUT", assignment_path(ACCOUNT, new_guid()), body)).status == 201


@pytest.mark.parametrize(
    ("name", "body", "status", "code", "message"),
    [
        (
            new_guid(),
            grant("wow", DATA_READER),
            400,
            "InvalidPrincipalId",
            "The Principal ID 'wow' is not valid. Principal ID must be a GUID.",
        ),
        (
            "mine",
            grant(new_guid(), DATA_READER),
            400,
            "InvalidRoleAssignmentId",
            "The role assignment ID 'mine' is not valid. The role assignment ID must be a GUID.",
        ),
        (
            new_guid(),
            grant(seeded.OWNER_PRINCIPAL, "00000000-0000-0000-0000-00000000beef"),
            400,
            "RoleDefinitionDoesNotExist",
            "The specified role definition with ID '00000000-0000-0000-0000-00000000beef' does not exist.",
        ),
    ],
)
async def test_a_bad_assignment_is_refused(
    plain: Plain, name: str, body: object, status: int, code: str, message: str
) -> None:
    reply = await plain.arm("PUT", assignment_path(ACCOUNT, name), body)

    assert (reply.status, reply.code, reply.message) == (status, code, message)


async def test_a_delete_answers_with_the_assignment_and_then_204(plain: Plain) -> None:
    principal, name = (await make_identity(plain)).principal_id, new_guid()
    path = assignment_path(ACCOUNT, name)
    await plain.arm("PUT", path, grant(principal, DATA_READER, **SERVICE_PRINCIPAL))
    existing = await plain.arm("GET", path)

    first, second, missing = [await plain.arm(method, path) for method in ("DELETE", "DELETE", "GET")]

    assert (first.status, first.text) == (200, existing.text)
    assert (second.status, second.text) == (204, "")
    assert (missing.status, missing.code) == (404, "RoleAssignmentNotFound")
    assert missing.message == f"The role assignment '{name}' is not found."


async def test_a_delete_at_a_missing_scope_answers_404_for_a_resource_and_204_for_a_group(plain: Plain) -> None:
    account = await plain.arm("DELETE", assignment_path(ACCOUNT.replace("gitlabstore", "gone"), new_guid()))
    group = await plain.arm("DELETE", assignment_path(f"{SUBSCRIPTION}/resourceGroups/nowhere", new_guid()))

    assert (account.status, account.code) == (404, "ResourceNotFound")
    assert "'Microsoft.Storage/storageAccounts/gone' under resource group 'rg-storage'" in account.message
    assert group.status == 204


async def test_deleting_an_identity_keeps_its_assignments(plain: Plain) -> None:
    identity = await make_identity(plain)
    path = await assign(plain, identity.principal_id, DATA_READER, ACCOUNT)

    await plain.arm("DELETE", identity_path(identity.name))

    assert (await plain.arm("GET", path)).body["properties"]["principalId"] == identity.principal_id


async def test_a_scope_may_be_a_missing_container_of_an_existing_account(plain: Plain) -> None:
    principal = (await make_identity(plain)).principal_id
    body = grant(principal, DATA_READER, **SERVICE_PRINCIPAL)

    container = await plain.arm("PUT", assignment_path(REGISTRY.replace("registry", "not-yet"), new_guid()), body)
    account = await plain.arm("PUT", assignment_path(ACCOUNT.replace("gitlabstore", "nostore"), new_guid()), body)

    assert container.status == 201
    assert (account.status, account.code) == (404, "ResourceNotFound")


async def test_a_list_has_assignments_at_above_and_below_the_scope_and_filters_narrow_it(plain: Plain) -> None:
    principal = (await make_identity(plain)).principal_id
    above = await assign(plain, principal, READER, SUBSCRIPTION)
    at = await assign(plain, principal, DELEGATOR, ACCOUNT)
    below = await assign(plain, principal, DATA_CONTRIBUTOR, REGISTRY)
    beside = await assign(plain, principal, READER, GROUP)

    async def ids(scope: str, text: str = "") -> set[str]:
        query = f"?$filter={text}" if text else ""
        reply = await plain.arm("GET", f"{scope}/providers/Microsoft.Authorization/roleAssignments{query}")
        assert reply.status == 200
        return {item["id"] for item in reply.body["value"]}

    mine = f"principalId eq '{principal}'"
    assert await ids(ACCOUNT, mine) == {above, at, below}
    assert await ids(ACCOUNT, f"atScope() and {mine}") == {above, at}
    assert await ids(ACCOUNT, f"assignedTo('{principal}')") == {above, at, below}
    assert await ids(REGISTRY, f"atScope() and assignedTo('{principal}')") == {above, at, below}
    assert await ids(SUBSCRIPTION, mine) == {above, at, below, beside}
    assert {above, at, below} < await ids(ACCOUNT)
    assert beside not in await ids(ACCOUNT)


async def test_an_unknown_filter_is_refused(plain: Plain) -> None:
    reply = await plain.arm(
        "GET", f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments?$filter=roleName eq 'x'"
    )

    assert (reply.status, reply.code) == (400, "UnsupportedQuery")


async def test_role_definitions_are_found_by_id_and_by_name(plain: Plain) -> None:
    definitions = f"{ACCOUNT}/providers/Microsoft.Authorization/roleDefinitions"

    by_id = await plain.arm("GET", f"{definitions}/{DATA_CONTRIBUTOR}")
    by_name = await plain.arm("GET", f"{definitions}?$filter=roleName eq 'Storage Blob Data Contributor'")
    every = await plain.arm("GET", definitions)
    unknown = await plain.arm("GET", f"{definitions}/{new_guid()}")

    assert by_id.body["id"] == role(DATA_CONTRIBUTOR)
    assert by_name.body["value"] == [by_id.body]
    assert {item["name"] for item in every.body["value"]} >= {OWNER, READER, DATA_CONTRIBUTOR, DATA_READER, DELEGATOR}
    assert (unknown.status, unknown.code) == (404, "RoleDefinitionDoesNotExist")
