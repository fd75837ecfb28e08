"""What an ARM operation is given, and what it answers."""

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
    """A request, taken apart: who asks, and the named parts of the path."""

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
        """The JSON object that was sent.

        Raises:
            ArmError: there is none.
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
