"""What takes ARM longer than one answer: 202, and a Location to ask until it is done (recorded from real Azure)."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from lab.azure.arm.errors import ArmError
from lab.azure.arm.exchange import Answer, Ask
from lab.azure.world import new_guid

RETRY_AFTER = "1"
"""Seconds. Real Azure says 15 or 17; here the work is done sooner."""


class Jobs:
    def __init__(self) -> None:
        self._jobs: dict[str, asyncio.Task[Answer]] = {}

    def start(self, ask: Ask, path: str, work: Coroutine[Any, Any, Answer], **query: str) -> Answer:
        """Begin the work; the answer says where under `path` to ask for its end."""
        job = new_guid()
        self._jobs[job] = asyncio.get_running_loop().create_task(work)
        extra = "".join(f"{key}={value}&" for key, value in query.items())
        location = f"https://{ask.host}{path}/{job}?{extra}api-version={ask.query['api-version']}"
        return Answer(202, None, {"Location": location, "Retry-After": RETRY_AFTER})

    async def poll(self, ask: Ask) -> Answer:
        job = self._jobs.get(ask.part("job"))
        if job is None:
            raise ArmError(404, "NotFound", f"The operation '{ask.part('job')}' was not found.")
        if not job.done():
            location = f"https://{ask.host}{ask.path}?" + "&".join(f"{k}={v}" for k, v in ask.query.items())
            return Answer(202, None, {"Location": location, "Retry-After": RETRY_AFTER})
        return job.result()

    async def close(self) -> None:
        for job in self._jobs.values():
            job.cancel()
        await asyncio.gather(*self._jobs.values(), return_exceptions=True)
