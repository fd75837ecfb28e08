"""Pages of lists."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from lab.azure.resource_manager.errors import bad_request
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse


def page(request: ArmRequest, items: Sequence[Mapping[str, Any]], size: int) -> ArmResponse:
    """The page that $top and $skiptoken ask for, with a link to the next where there is one.

    Raises:
        ArmError: $top or $skiptoken is invalid.
    """
    query = {key.casefold(): value for key, value in request.query.items()}
    try:
        start = int(query.get("$skiptoken", "0"), 16)
        size = min(size, int(query["$top"])) if "$top" in query else size
    except ValueError as error:
        raise bad_request("The request format was unexpected: $top or $skiptoken is invalid.") from error
    if start < 0 or size < 1:
        raise bad_request("The request format was unexpected: $top or $skiptoken is invalid.")
    body: dict[str, Any] = {"value": list(items[start : start + size])}
    if start + size < len(items):
        kept = {key: value for key, value in request.query.items() if key.casefold() != "$skiptoken"}
        kept["$skiptoken"] = f"{start + size:x}"
        link = "&".join(f"{quote(key, safe='$')}={quote(value, safe='')}" for key, value in kept.items())
        body["nextLink"] = f"https://{request.host}{request.path}?{link}"
    return ArmResponse(200, body)
