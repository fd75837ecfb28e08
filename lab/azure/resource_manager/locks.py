"""Management locks. Bodies are as in "Management Locks" of Azure's REST reference, api-version 2016-09-01."""

from typing import Any

from lab.azure.denials import Lock
from lab.azure.formats import at_or_below
from lab.azure.resource_manager import scopes
from lab.azure.resource_manager.errors import ArmError, bad_request
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.state import AzureState

KIND = "Microsoft.Authorization/locks"


def as_json(lock: Lock) -> dict[str, Any]:
    properties = {"level": lock.level, **({"notes": lock.notes} if lock.notes is not None else {})}
    return {"properties": properties, "id": lock.id, "type": KIND, "name": lock.name}


class Locks:
    def __init__(self, state: AzureState) -> None:
        self._state = state

    def put(self, request: ArmRequest) -> ArmResponse:
        scopes.require_existing(self._state, request.param("scope"))
        properties = request.properties()
        try:
            lock = Lock(
                request.param("name"), request.param("scope"), str(properties.get("level")), properties.get("notes")
            )
        except ValueError as error:
            raise bad_request(str(error)) from error
        new = self._state.denials.put_lock(lock)
        return ArmResponse(201 if new else 200, as_json(lock))

    def get(self, request: ArmRequest) -> ArmResponse:
        lock = self._state.denials.lock(request.param("scope"), request.param("name"))
        if lock is None:
            raise ArmError(404, "LockNotFound", f"The lock '{request.param('name')}' could not be found.", gateway=True)
        return ArmResponse(200, as_json(lock))

    def delete(self, request: ArmRequest) -> ArmResponse:
        lock = self._state.denials.lock(request.param("scope"), request.param("name"))
        if lock is None:
            return ArmResponse(204)
        self._state.denials.remove_lock(lock)
        return ArmResponse(200)

    def list(self, request: ArmRequest) -> ArmResponse:
        """The locks at a scope, above it and below it."""
        scope = request.param("scope")
        related = [
            lock
            for lock in self._state.denials.locks.values()
            if at_or_below(lock.scope, scope) or at_or_below(scope, lock.scope)
        ]
        return ArmResponse(200, {"value": [as_json(lock) for lock in related]})
