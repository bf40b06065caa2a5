"""`nuanye keys`: the secret under which names, numbers and notes lie in the database."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ConfigError
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.keeping.keys import KeyUse
    from casework.store import Store
    from core.secret import KeyRing

app = typer.Typer(no_args_is_help=True, add_completion=False, help="密钥：轮换与查看 · keys")

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]


@app.command()
def show(as_json: AsJson = False) -> None:
    """显示各类数据由哪把密钥加密（只显示名称，不显示密钥）。"""
    from casework.keeping.keys import Keys
    from casework.vault import key_name

    async def work(store: Store) -> tuple[KeyUse, ...]:
        return await store.part(Keys).key_use()

    ring = _ring()
    names = [key_name(secret) for secret in ring.secrets]
    use = with_store(work)
    if as_json:
        print_json({"keys": names, "use": use})
        return
    print(f"密钥（新的在前）：{'、'.join(names)}")
    for each in use:
        for name, count in sorted(each.keys.items()):
            print(f"  {each.table}.{each.column}\t{name}\t{count}")


@app.command()
def rotate(
    resume: Annotated[
        bool, typer.Option("--resume", help="不生成新密钥，只完成上次中断的轮换 · finish a rotation")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """生成新密钥，并用它把已加密的内容逐批重新加密；可随时中断，用 --resume 继续。"""
    from casework.keeping.keys import Keys
    from casework.vault import key_name

    if not resume:
        _add_key()
    newest = key_name(_ring().newest)

    def tell(table: str, done: int) -> None:
        if done and not as_json:
            print(f"{table}：累计 {done} 行", file=sys.stderr)

    async def work(store: Store) -> int:
        changed = await store.part(Keys).reseal(tell)
        await store.log_access(this_user(), "rotate_keys", newest)
        return changed

    changed = with_store(work)
    if as_json:
        print_json({"key": newest, "resealed": changed})
    else:
        print(f"已用密钥 {newest} 重新加密 {changed} 行。请另行保管 secret.key 的新备份。")


@app.command()
def retire() -> None:
    """从密钥文件中去掉已无任何内容使用的旧密钥（最早的一把除外，它用于检索）。先重启全部服务。"""
    from casework.keeping.keys import Keys
    from casework.vault import key_name
    from core.secret import KeyRing, write_ring_file

    async def work(store: Store) -> set[str]:
        await store.part(Keys).reseal()
        return {name for each in await store.part(Keys).key_use() for name in each.keys}

    used = with_store(work)
    ring = _ring()
    middle = [secret for secret in ring.secrets[1:-1] if key_name(secret) in used or "v1" in used]
    last = ring.secrets[-1:] if len(ring.secrets) > 1 else ()
    kept = KeyRing((ring.newest, *middle, *last))
    gone = len(ring.secrets) - len(kept.secrets)
    if gone:
        write_ring_file(_file(), kept)
    print(f"去掉 {gone} 把旧密钥，保留 {len(kept.secrets)} 把。")


def _ring() -> KeyRing:
    from core.secret import load_ring
    from core.settings import load_settings

    return load_ring(load_settings(os.environ))


def _file() -> Path:
    from core.secret import SECRET_FILE
    from core.settings import load_settings

    settings = load_settings(os.environ)
    if settings.secret_key:
        raise ConfigError(
            "secret_key is set: this command changes only the key file",
            hint="put the new one before the old, joined by commas; nuanye keys rotate --resume",
        )
    return settings.data_dir / SECRET_FILE


def _add_key() -> None:
    from core.secret import MAX_SECRETS, KeyRing, load_ring_file, new_secret, write_ring_file

    path = _file()
    ring = load_ring_file(path)
    if len(ring.secrets) >= MAX_SECRETS:
        raise ConfigError("the key file is full", hint="nuanye keys retire")
    write_ring_file(path, KeyRing((new_secret(), *ring.secrets)))
