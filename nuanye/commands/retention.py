"""`nuanye retention`: what is over goes. The casework process does it once a day by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.keeping.retention import Kept
    from casework.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help="保存期限 · how long things are kept")

_TITLES = {
    "recordings": "录音",
    "transcripts": "通话内容",
    "results": "登记到的情况",
    "chats": "转人工会话",
    "contacts": "联系凭证",
    "register": "名册",
    "access_log": "查阅日志",
}


@app.callback()
def _group() -> None:
    """Keep `run` a subcommand although it is the only one."""


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只数不删 · count only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """删除已过保存期限的内容；期限见设置 keep_…_days，0 为长期。"""
    from casework.keeping.retention import Retention
    from core.s3 import open_recordings
    from core.settings import load_settings

    settings = load_settings(os.environ)

    async def work(store: Store) -> tuple[Kept, ...]:
        files = open_recordings(settings)
        found = await store.part(Retention).run(settings, files, dry_run=dry_run)
        if not dry_run:
            await store.log_access(this_user(), "retention_run", "")
        return found

    found = with_store(work)
    if as_json:
        print_json({"dry_run": dry_run, "kinds": found})
        return
    for each in found:
        period = f"{each.days} 天" if each.days else "长期"
        print(f"{_TITLES[each.kind]}\t{period}\t{'将删除' if dry_run else '已删除'} {each.over}")
