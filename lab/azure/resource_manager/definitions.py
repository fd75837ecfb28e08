"""The built-in role definitions."""

import re
from typing import Any

from lab.azure import seeded
from lab.azure.resource_manager.errors import ArmError
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.roles import BUILT_IN, BY_ID, Role

KIND = "Microsoft.Authorization/roleDefinitions"


def as_json(role: Role, scope: str) -> dict[str, Any]:
    match = re.match(r"/subscriptions/[^/]+", scope, re.IGNORECASE)
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": list(role.not_data_actions),
                }
            ],
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2023-11-27T15:19:31.0000000Z",
            "createdBy": None,
            "updatedBy": None,
        },
        "id": f"{match[0] if match else ''}/providers/{KIND}/{role.id}",
        "type": KIND,
        "name": role.id,
    }


class Definitions:
    def get(self, request: ArmRequest) -> ArmResponse:
        role = BY_ID.get(request.param("name").casefold())
        if role is None:
            raise ArmError(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{request.param('name')}' does not exist.",
            )
        return ArmResponse(200, as_json(role, request.param("scope") or f"/subscriptions/{seeded.SUBSCRIPTION}"))

    def list(self, request: ArmRequest) -> ArmResponse:
        text = request.query.get("$filter", "")
        chosen = [
            role for role in BUILT_IN if all(_matches(role, term) for term in re.split(r"\s+and\s+", text) if term)
        ]
        return ArmResponse(200, {"value": [as_json(role, request.param("scope")) for role in chosen]})


def _matches(role: Role, term: str) -> bool:
    match = re.fullmatch(r"\s*(roleName|type)\s+eq\s+'([^']*)'\s*", term, re.IGNORECASE)
    if match is None and re.fullmatch(r"\s*atScopeAndBelow\(\)\s*", term, re.IGNORECASE):
        return True
    if match is None:
        raise ArmError(400, "UnsupportedQuery", f"The filter '{term}' is not supported.")
    held = role.name if match[1].casefold() == "rolename" else "BuiltInRole"
    return held.casefold() == match[2].casefold()
