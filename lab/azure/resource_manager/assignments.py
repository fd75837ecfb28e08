"""Role assignments. Bodies and codes are as recorded from real Azure, except where a comment says otherwise."""

import re
from typing import Any

from lab.azure import conditions, seeded
from lab.azure.formats import at_or_below, is_guid, timestamp, without_dashes
from lab.azure.resource_manager import scopes
from lab.azure.resource_manager.errors import ArmError, bad_request
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.resource_manager.paging import page
from lab.azure.roles import BY_ID
from lab.azure.state import AzureState, RoleAssignment

KIND = "Microsoft.Authorization/roleAssignments"
PRINCIPAL_TYPES = frozenset({"User", "Group", "ServicePrincipal", "ForeignGroup", "Device"})
PAGE = 1000


def as_json(assignment: RoleAssignment, *, fresh: bool = False) -> dict[str, Any]:
    """A role assignment in ARM's JSON. `fresh` is for the answer to a PUT, in which createdBy is null."""
    return {
        "properties": {
            "roleDefinitionId": assignment.role_definition_id,
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": assignment.condition,
            "conditionVersion": assignment.condition_version,
            "createdOn": timestamp(assignment.created_on),
            "updatedOn": timestamp(assignment.updated_on),
            "createdBy": None if fresh else assignment.created_by,
            "updatedBy": assignment.updated_by,
            "delegatedManagedIdentityResourceId": assignment.delegated_identity,
            "description": assignment.description,
        },
        "id": f"{assignment.scope}/providers/{KIND}/{assignment.name}",
        "type": KIND,
        "name": assignment.name,
    }


class Assignments:
    def __init__(self, state: AzureState) -> None:
        self._state = state

    def put(self, request: ArmRequest) -> ArmResponse:
        scope, name = request.param("scope"), request.param("name").casefold()
        if not is_guid(name):
            raise ArmError(
                400,
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
            )
        wanted = self._parse(request, scope, name)
        old = self._state.assignments.get(name)
        if old is not None:
            self._update(old, wanted)
            return ArmResponse(201, as_json(old, fresh=True))  # recorded: 201 again, not 200
        self._refuse_duplicate(wanted)
        self._state.assignments[name] = wanted
        return ArmResponse(201, as_json(wanted, fresh=True))

    def attributes(self, request: ArmRequest) -> conditions.Attributes | None:
        """What a condition may ask about the request, and about the role assignment that stands.

        None where there is none to delete. How Azure evaluates a condition then is not documented; here nothing refuses the
        request, and its answer is 204.
        """
        standing = self._find(request)
        if request.method == "DELETE" and standing is None:
            return None
        resource: dict[str, conditions.Value] = {}
        if standing is not None:
            resource = _attributes(standing.role_id, standing.principal_id, standing.principal_type)
        if request.method != "PUT":
            return conditions.Attributes(resource=resource)
        sent = request.properties()
        role = str(sent.get("roleDefinitionId", "")).rpartition("/")[2]
        return conditions.Attributes(_attributes(role, sent.get("principalId"), sent.get("principalType")), resource)

    def get(self, request: ArmRequest) -> ArmResponse:
        assignment = self._find(request)
        if assignment is None or not self._is_shown(assignment):
            name = request.param("name")
            raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")
        return ArmResponse(200, as_json(assignment))

    def delete(self, request: ArmRequest) -> ArmResponse:
        if "/providers/" in request.param("scope").casefold():
            # Recorded: 404 where the resource is deleted, but 204 where its whole resource group is deleted.
            scopes.require_existing(self._state, request.param("scope"))
        assignment = self._find(request)
        if assignment is None:
            return ArmResponse(204)
        self._state.remove_assignment(assignment)
        return ArmResponse(200, as_json(assignment))

    def list(self, request: ArmRequest) -> ArmResponse:
        scope = request.param("scope")
        scopes.require_existing(self._state, scope)
        shown = [assignment for assignment in self._state.assignments.values() if self._is_shown(assignment)]
        chosen = [assignment for assignment in shown if _related(assignment, scope)]
        for term in _filter_terms(request.query.get("$filter", "")):
            chosen = [assignment for assignment in chosen if _matches(assignment, term, scope)]
        chosen.sort(key=lambda assignment: (assignment.created_on, assignment.name))
        return page(request, [as_json(assignment) for assignment in chosen], PAGE)

    def _find(self, request: ArmRequest) -> RoleAssignment | None:
        assignment = self._state.assignments.get(request.param("name").casefold())
        if assignment is None or assignment.scope.casefold() != request.param("scope").casefold():
            return None
        return assignment

    def _is_shown(self, assignment: RoleAssignment) -> bool:
        return self._state.is_shown(assignment, self._state.settings.assignment_read_lag)

    def _parse(self, request: ArmRequest, scope: str, name: str) -> RoleAssignment:
        properties = request.properties()
        role, principal_id = properties.get("roleDefinitionId"), properties.get("principalId")
        if not isinstance(role, str) or not principal_id:
            raise ArmError(
                400,
                "BadRequestFormat",
                "The request was incorrectly formatted: roleDefinitionId and principalId are required.",
            )
        if not is_guid(principal_id):
            raise ArmError(
                400,
                "InvalidPrincipalId",
                f"The Principal ID '{principal_id}' is not valid. Principal ID must be a GUID.",
            )
        scopes.require_existing(self._state, scope)
        role_id = role.rpartition("/")[2]
        if role_id.casefold() not in BY_ID:
            raise ArmError(
                400,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{role_id}' does not exist.",
            )
        condition, version = _condition(properties)
        principal_type = self._principal_type(str(principal_id).casefold(), properties.get("principalType"))
        now = self._state.clock.now()
        return RoleAssignment(
            name=name,
            scope=scope,
            role_definition_id=role,
            principal_id=str(principal_id).casefold(),
            principal_type=principal_type,
            period=self._state.assignment_period(),
            created_on=now,
            updated_on=now,
            created_by=request.caller.principal_id,
            updated_by=request.caller.principal_id,
            description=properties.get("description"),
            condition=condition,
            condition_version=version,
            since=self._state.clock.steady(),
            delegated_identity=properties.get("delegatedManagedIdentityResourceId"),
        )

    def _principal_type(self, principal_id: str, sent: object) -> str:
        """The principal's type: the one that was sent, without a check. Without one, the principal is looked up."""
        if sent is not None:
            if sent not in PRINCIPAL_TYPES:
                raise bad_request(f"The principal type '{sent}' is not one of {', '.join(sorted(PRINCIPAL_TYPES))}.")
            return str(sent)
        principal = self._state.principals.get(principal_id)
        replicated_at = principal.since + self._state.settings.principal_replication if principal else None
        if replicated_at is None or self._state.clock.steady() < replicated_at:
            raise ArmError(
                400,
                "PrincipalNotFound",
                f"Principal {without_dashes(principal_id)} does not exist in the directory {seeded.TENANT}. Check that you have "
                "the correct principal ID. If you are creating this principal and then immediately assigning a role, "
                "this error might be related to a replication delay. In this case, set the role assignment "
                "principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
            )
        return "ServicePrincipal"

    def _update(self, old: RoleAssignment, wanted: RoleAssignment) -> None:
        """Update the description and the condition. Nothing else of a role assignment may change."""
        if not _same_grant(old, wanted):
            raise ArmError(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        old.description, old.condition = wanted.description, wanted.condition
        old.condition_version = wanted.condition_version
        old.updated_on, old.updated_by = wanted.updated_on, wanted.updated_by

    def _refuse_duplicate(self, wanted: RoleAssignment) -> None:
        for other in self._state.assignments.values():
            if _same_grant(other, wanted):
                raise ArmError(
                    409,
                    "RoleAssignmentExists",
                    "The role assignment already exists. The ID of the existing role assignment is "
                    f"{without_dashes(other.name)}.",
                )


def _condition(properties: dict[str, Any]) -> tuple[str | None, str | None]:
    """The condition of a request, and its version.

    Source of the text and of the version: Microsoft Learn, "Troubleshoot Azure role assignment conditions". It does not give
    the code. What the lab does not evaluate is refused in the same way, with the cause.

    Raises:
        ArmError: the condition is invalid, or the lab does not evaluate it.
    """
    condition, version = properties.get("condition"), properties.get("conditionVersion")
    if condition is None:
        return None, None
    if version != "2.0":
        raise bad_request("The given role assignment condition is invalid. The conditionVersion has to be 2.0.")
    try:
        conditions.parse(str(condition))
    except conditions.ConditionError as error:
        raise bad_request(f"The given role assignment condition is invalid. {error}") from error
    return str(condition), version


def _attributes(role_id: str, principal_id: object, principal_type: object) -> dict[str, conditions.Value]:
    """The attributes that have a value."""
    values = {
        conditions.ROLE_DEFINITION_ID: role_id,
        conditions.PRINCIPAL_ID: principal_id,
        conditions.PRINCIPAL_TYPE: principal_type,
    }
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def _same_grant(one: RoleAssignment, other: RoleAssignment) -> bool:
    return (one.principal_id, one.role_id, one.scope.casefold()) == (
        other.principal_id,
        other.role_id,
        other.scope.casefold(),
    )


def _related(assignment: RoleAssignment, scope: str) -> bool:
    """Whether a role assignment is at the scope, above it, or below it."""
    return at_or_below(scope, assignment.scope) or at_or_below(assignment.scope, scope)


_TERM = re.compile(
    r"\s*(?:(?P<at>atScope\(\))|principalId\s+eq\s+'(?P<principal>[^']*)'|assignedTo\('(?P<assigned>[^']*)'\))\s*",
    re.IGNORECASE,
)


def _filter_terms(text: str) -> list[re.Match[str]]:
    if not text:
        return []
    terms = [_TERM.fullmatch(term) for term in re.split(r"\s+and\s+", text)]
    if None in terms:
        raise ArmError(400, "UnsupportedQuery", f"The filter '{text}' is not supported.")
    return [term for term in terms if term is not None]


def _matches(assignment: RoleAssignment, term: re.Match[str], scope: str) -> bool:
    if term["at"]:
        return at_or_below(scope, assignment.scope)  # at the scope or above it, not below it
    # The lab has no groups, so both filters mean the same.
    return assignment.principal_id == (term["principal"] or term["assigned"] or "").casefold()
