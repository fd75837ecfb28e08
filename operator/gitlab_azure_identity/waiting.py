"""The one place for races between tasks, for time-outs, and for requests that must be finished."""

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

Result = TypeVar("Result")


async def finished(
    work: Coroutine[Any, Any, Result], limit: AbstractAsyncContextManager[object], *expected: type[Exception]
) -> Result:
    """Await a request to its end, even when the caller is cancelled meanwhile. A request that was sent cannot be called back,
    and the next pass must find it done.

    Raises TimeoutError when it takes longer than the limit, and the expected errors. Its task returns the errors instead
    of raising them: a caller that was cancelled does not ask for them."""

    async def bounded() -> Result | Exception:
        try:
            async with limit:
                return await work
        except TimeoutError as error:
            return error
        except expected as error:
            return error
        finally:
            work.close()  # it may never have begun

    task = asyncio.ensure_future(bounded())
    try:
        answer = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    if isinstance(answer, Exception):
        raise answer
    return answer


async def unless(stopped: asyncio.Event, work: Awaitable[Result]) -> Result | None:
    """Await `work`, but cancel it when `stopped` is set. A write that was sent is finished first. None when it was cancelled."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        await _cancelled(task, stop)


async def within(seconds: float, *events: asyncio.Event) -> bool:
    """Whether one of the events is set within so many seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        await _cancelled(*waits)


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
