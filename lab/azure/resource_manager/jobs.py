"""Asynchronous operations of ARM: 202, and a Location to poll until the operation is done (recorded from real Azure)."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from lab.azure.resource_manager.errors import ArmError
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.state import new_guid

RETRY_AFTER = "1"
"""Seconds. Real Azure answers 15 or 17; the lab is faster."""


class Jobs:
    def __init__(self) -> None:
        self._jobs: dict[str, asyncio.Task[ArmResponse]] = {}

    def start(
        self, request: ArmRequest, path: str, work: Coroutine[Any, Any, ArmResponse], **query: str
    ) -> ArmResponse:
        """Start an operation. The response has the Location, below `path`, to poll."""
        job = new_guid()
        self._jobs[job] = asyncio.get_running_loop().create_task(work)
        extra = "".join(f"{key}={value}&" for key, value in query.items())
        location = f"https://{request.host}{path}/{job}?{extra}api-version={request.query['api-version']}"
        return ArmResponse(202, None, {"Location": location, "Retry-After": RETRY_AFTER})

    async def poll(self, request: ArmRequest) -> ArmResponse:
        job = self._jobs.get(request.param("job"))
        if job is None:
            raise ArmError(404, "NotFound", f"The operation '{request.param('job')}' was not found.")
        if not job.done():
            location = f"https://{request.host}{request.path}?" + "&".join(f"{k}={v}" for k, v in request.query.items())
            return ArmResponse(202, None, {"Location": location, "Retry-After": RETRY_AFTER})
        return job.result()

    async def close(self) -> None:
        for job in self._jobs.values():
            job.cancel()
        await asyncio.gather(*self._jobs.values(), return_exceptions=True)
