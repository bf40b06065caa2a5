"""Background tasks end, also those that lose a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from core.tasks import end_tasks, until_stop


async def test_a_swallowed_cancellation_is_repeated() -> None:
    """A task that drops the first one, as a library does in the middle of connecting, ends all the same."""
    swallowed = 0

    async def deaf_once() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end_tasks([task])
    assert task.cancelled()
    assert swallowed == 2


async def test_what_ended_tasks_raised_is_dropped() -> None:
    """A failure of a task that is being ended reaches neither the caller nor the loop's complaints."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def fails() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise RuntimeError("on the way out") from None

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await end_tasks([task])
    del task
    await asyncio.sleep(0)
    assert complaints == []


async def test_nothing_to_end_is_done_at_once() -> None:
    """No tasks, no wait."""
    await end_tasks([])


async def test_one_failure_ends_works_that_do_not_hear_a_cancellation() -> None:
    """The failing work sets the stop that its neighbour looks at; the group ends with the failure."""
    stop = asyncio.Event()

    async def fails() -> None:
        raise RuntimeError("broken")

    async def goes_on() -> None:
        while not stop.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(goes_on())
            group.create_task(until_stop(fails(), stop))

    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(together(), 5)
    assert stop.is_set()
