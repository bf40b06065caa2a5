"""Synthetic residents on a SIP port of their own, and the campaign that calls them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from casework.types import CampaignState, Contact
from core.clock import CHINA, SystemClock
from core.errors import NuanyeError
from core.ids import mask_name
from core.settings import Settings
from core.streams import RESULTS_STREAM, newest_entry
from core.titles import DISPOSITIONS

if TYPE_CHECKING:
    from casework.store import Store
    from core.types import Result
    from voice.resident.persona import Persona

SHOWCASE_PEOPLE = ("chen_guiying", "li_jianguo", "huang_meilan", "zhou_wenhui", "wu_zhiqiang")
_READY_TIMEOUT_S = 90.0
_CALLS_TIMEOUT_S = 900.0


class ResidentsError(NuanyeError):
    """Raised when the synthetic residents cannot be started."""

    code = "residents.failed"


@dataclass(frozen=True, slots=True)
class ReadyResident:
    """A resident who waits for a call at ``address``."""

    persona: Persona
    address: str

    @property
    def expected(self) -> str:
        """The disposition that the file promises, empty when it promises none."""
        return self.persona.expect.disposition or ""

    def contact(self) -> Contact:
        """Return the line of a campaign's list for this person."""
        facts = dict(self.persona.facts)
        return Contact(self.persona.name, self.address, str(facts.get("district", "")), facts)


@asynccontextmanager
async def residents(names: Sequence[str]) -> AsyncIterator[list[ReadyResident]]:
    """Run residents in a process of their own while the context is open. Raises ``ResidentsError``."""
    from voice.resident.persona import find_persona, load_persona

    people = [load_persona(find_persona(name)) for name in names]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nuanye", "resident", *names, "--port", "0", "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        addresses = await _addresses(process)
        yield [ReadyResident(person, addresses[person.user]) for person in people]
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _addresses(process: asyncio.subprocess.Process) -> dict[str, str]:
    """Read the line in which the residents say where they are: a JSON object of user to address."""
    import json

    if process.stdout is None:
        raise ResidentsError("the residents have no output to read")
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            async for line in process.stdout:
                if line.lstrip().startswith(b"{"):
                    return {user: str(where) for user, where in json.loads(line)["residents"].items()}
    except (TimeoutError, ValueError, KeyError):
        pass
    raise ResidentsError("the synthetic residents did not start", hint="nuanye resident --help")


@asynccontextmanager
async def campaign(store: Store, people: Sequence[ReadyResident], name: str) -> AsyncIterator[str]:
    """Call each resident at once, outside calling hours too; gives the campaign's id.

    It is stopped at the end: nobody is at home at these addresses when a redial would be due.
    """
    contacts = [person.contact() for person in people]
    started = await store.start_campaign(name, contacts, ignore_window=True)
    try:
        yield started.campaign_id
    finally:
        progress = await store.campaign_progress(started.campaign_id)
        if progress is not None and progress.campaign.state in {CampaignState.RUNNING, CampaignState.PAUSED}:
            await store.set_campaign_state(started.campaign_id, CampaignState.STOPPED)


async def run_showcase(settings: Settings, say: Callable[[str], None]) -> None:
    """Call the residents and show each result as it reaches the stream."""
    from casework.store import open_store

    say("演示：呼叫五位模拟居民（虚构人物），结果进入共享队列后显示在这里和工作台。")
    async with (
        await open_store(settings) as store,
        Redis.from_url(settings.redis) as redis,
        residents(SHOWCASE_PEOPLE) as people,
    ):
        before = await newest_entry(redis, RESULTS_STREAM)
        async with campaign(store, people, f"演示回访 {_now()}") as campaign_id:
            matched = await _show_results(store, redis, (before, campaign_id), people, say)
        say(f"演示结束：{len(people)} 通电话，{matched} 通的结果与剧本一致。")


async def _show_results(
    store: Store,
    redis: Redis,
    where: tuple[str, str],
    people: Sequence[ReadyResident],
    say: Callable[[str], None],
) -> int:
    """Show each result of the campaign; return how many are as the residents' files promise."""
    from nuanye.demonstration import results_of_campaign

    matched = 0
    before, campaign_id = where
    async for _, result in results_of_campaign(redis, before, campaign_id, len(people), _CALLS_TIMEOUT_S):
        call = await store.get_call(result.source)
        address = call.record.callee_address if call else ""
        called = next((person for person in people if person.address == address), None)
        say(f"  {_line(called, result)}")
        matched += called is not None and called.expected == result.disposition
    return matched


def _now() -> str:
    return SystemClock().now().astimezone(CHINA).strftime("%m-%d %H:%M")


def _line(called: ReadyResident | None, result: Result) -> str:
    said = [f"登记 {len(result.fields)} 项"] if result.fields else []
    review = ["待复核"] if result.needs_review else []
    name = mask_name(called.persona.name) if called else "居民"
    return "  ".join([name, DISPOSITIONS[result.disposition] if result.disposition else "", *said, *review])
