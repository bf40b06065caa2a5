"""`nuanye erase`: take one person out of rows, files and streams; a tombstone stays."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.keeping.erasure import Erased, Tombstone
    from casework.store import Store
    from core.settings import Settings

_TITLES = {
    "files": "录音与暂存文件",
    "stream_entries": "队列条目",
    "attempts": "呼叫安排",
    "calls": "通话",
    "results": "结果",
    "registrations": "登记",
    "intentions": "求职意向",
    "persons": "人员",
    "feedback": "反馈备注",
    "do_not_call": "免打扰条目（号码已去除）",
    "handovers": "转人工会话",
}


def erase(
    person: Annotated[
        str,
        typer.Argument(metavar="PERSON", help="人员编号、号码、SIP 地址或会话编号 · whom; `list` 列出墓碑"),
    ],
    reason: Annotated[str, typer.Option(help="依据或理由，记入墓碑 · why")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只数不删 · count only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """删除一个人的全部内容（库中行、录音、暂存、各区队列条目）；只留墓碑。不可恢复。"""
    if person == "list":
        _show_tombstones(as_json)
        return
    if not dry_run and not reason.strip():
        raise BadInput("an erasure needs a reason", hint="--reason")

    async def work(store: Store) -> Erased:
        return await _erase(store, person, reason, dry_run)

    done = with_store(work)
    if as_json:
        print_json({**asdict(done), "dry_run": dry_run})
        return
    if dry_run:
        print(f"将删除：通话 {len(done.call_ids)}，结果 {len(done.result_ids)}，录音 {len(done.recordings)}")
        return
    for name, count in done.counts.items():
        print(f"{_TITLES.get(name, name)}\t{count}")
    print(f"墓碑 {done.person_print}")


async def _erase(store: Store, person: str, reason: str, dry_run: bool) -> Erased:
    from redis.asyncio import Redis

    from casework.keeping.erasure import Erasure
    from casework.keeping.streams import delete_entries_about, forget_conversations
    from core.s3 import open_recordings
    from core.settings import load_settings

    settings = load_settings(os.environ)
    erasure = store.part(Erasure)
    subjects = await erasure.whose(person)
    if not subjects:
        raise BadInput("nobody with this id, number or conversation is known")
    found = await erasure.find(subjects)
    if dry_run:
        return found
    async with Redis.from_url(settings.redis) as redis:
        # Streams and files first: until the rows are gone a repeat finds them all again.
        ids = {*found.subjects, *found.call_ids, *found.result_ids}
        entries = await delete_entries_about(redis, ids)
        entries += await forget_conversations(redis, {*found.subjects, *found.call_ids})
        files = _delete_spooled(settings, found.call_ids)
        recordings = open_recordings(settings)
        for name in found.recordings:
            files += await recordings.delete(name)
        done = await erasure.erase(found, by=this_user(), reason=reason, files=files, entries=entries)
        # What the relay published between the two is found now.
        await delete_entries_about(redis, ids)
    await store.log_access(this_user(), "erase_person", done.person_print)
    return done


def _delete_spooled(settings: Settings, call_ids: tuple[str, ...]) -> int:
    """Delete finished calls that still wait on this host for the database."""
    deleted = 0
    for call_id in call_ids:
        for ending in ("sealed", "bad", "partial"):
            path: Path = settings.data_dir / "spool" / f"{call_id}.{ending}"
            if path.exists():
                path.unlink()
                deleted += 1
    return deleted


def _show_tombstones(as_json: bool) -> None:
    from casework.keeping.erasure import Erasure

    async def work(store: Store) -> tuple[Tombstone, ...]:
        return await store.part(Erasure).tombstones()

    stones = with_store(work)
    if as_json:
        print_json({"tombstones": stones})
        return
    for stone in stones:
        mark = "" if stone.genuine else "（校验不符）"
        at = f"{stone.at.astimezone():%Y-%m-%d %H:%M}"
        print(f"{at}  {stone.person_print}  {stone.erased_by}  {stone.reason}{mark}")
