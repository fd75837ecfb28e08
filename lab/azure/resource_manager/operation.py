"""The request that an operation of Resource Manager gets, and the response that it returns."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from multidict import MultiMapping

from lab.azure.resource_manager.errors import ArmError
from lab.azure.tokens import Claims


@dataclass(frozen=True)
class ArmResponse:
    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArmRequest:
    """A parsed request: with its caller, and with the parameters in its path by name."""

    method: str
    host: str
    path: str
    query: MultiMapping[str]
    params: Mapping[str, str]
    caller: Claims
    content: bytes

    def param(self, name: str) -> str:
        return self.params[name]

    def body(self) -> dict[str, Any]:
        """The JSON object in the request's body.

        Raises:
            ArmError: the body is no JSON object.
        """
        try:
            body = json.loads(self.content)
        except ValueError as error:
            raise ArmError(
                400,
                "InvalidRequestContent",
                f"The request content was invalid and could not be deserialized: '{error}'.",
            ) from error
        if not isinstance(body, dict):
            raise ArmError(
                400,
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: 'a JSON object is expected'.",
            )
        return body

    def properties(self) -> dict[str, Any]:
        properties = self.body().get("properties")
        return properties if isinstance(properties, dict) else {}


Operation = Callable[[ArmRequest], ArmResponse | Awaitable[ArmResponse]]
