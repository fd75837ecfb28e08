"""Writes that are under way when somebody wants to leave."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")


async def finished(work: Awaitable[Result], seconds: float, *expected: type[Exception]) -> Result:
    """Await a request to its end even when we are cancelled meanwhile: once sent it cannot be called back, and whoever comes
    next must find it done.

    Raises TimeoutError when there is no end within so many seconds, and what is expected of the work. Its task hands these
    on instead of raising them: at the end of the operator kopf waits for every task, and would end with what one raised."""

    async def bounded() -> Result | Exception:
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError as error:
            return error
        except expected as error:
            return error

    task = asyncio.ensure_future(bounded())
    try:
        answer = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    if isinstance(answer, Exception):
        raise answer
    return answer
