"""`nuanye doctor`: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import json as json_module
import os
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from core.errors import NuanyeError
from core.settings import Settings, load_settings

MIN_FREE_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``ok`` or not, what was seen, and the cure."""

    check: str
    ok: bool
    seen: str
    cure: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """检查 Python、模型、端口、Redis、数据库、磁盘，并说明如何修复。"""
    findings = list(examine(dict(os.environ)))
    healthy = all(finding.ok for finding in findings)
    if as_json:
        report = {"ok": healthy, "checks": [asdict(finding) for finding in findings]}
        print(json_module.dumps(report, ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{'✓' if finding.ok else '✗'} {finding.check}：{finding.seen}")
            if not finding.ok:
                print(f"    → {finding.cure}")
        print("一切正常。" if healthy else "有问题，请按箭头处理。")
    raise typer.Exit(0 if healthy else 1)


def examine(environ: dict[str, str]) -> Iterator[Finding]:
    """Run every check; settings that cannot be read end it after their own finding."""
    yield _python()
    try:
        settings = load_settings(environ)
    except NuanyeError as error:
        yield Finding("设置", False, str(error), error.hint)
        return
    yield Finding("设置", True, f"数据目录 {settings.data_dir}")
    for name, check in _CHECKS.items():
        yield _guarded(name, check, settings)
    yield from _ports(settings)


def _guarded(name: str, check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except NuanyeError as error:
        # "run nuanye doctor" is no cure when it is doctor who says so.
        cure = "" if error.hint == "nuanye doctor" else error.hint
        return Finding(
            name, False, str(error), cure or f"检查设置 data_dir（{settings.data_dir}）和 {name} 的地址"
        )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info[:2] == (3, 11), version, "安装 Python 3.11 后运行 make setup")


def _disk(settings: Settings) -> Finding:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        seen = f"数据目录建不了（{type(error).__name__}）"
        return Finding(
            "磁盘", False, seen, f"用 NUANYE_DATA_DIR 换一个可写的目录（现在是 {settings.data_dir}）"
        )
    free_gb = shutil.disk_usage(settings.data_dir).free / 1e9
    writable = os.access(settings.data_dir, os.W_OK)
    seen = f"可用 {free_gb:.1f} GB" + ("" if writable else "，目录不可写")
    return Finding(
        "磁盘", writable and free_gb >= MIN_FREE_GB, seen, f"在 {settings.data_dir} 腾出至少 2 GB 并可写"
    )


def _redis(settings: Settings) -> Finding:
    from redis import Redis
    from redis.exceptions import RedisError

    from core.redis_server import find_redis_server

    with Redis.from_url(settings.redis, socket_timeout=2) as client:
        try:
            version = client.info("server")["redis_version"]
        except (RedisError, OSError):
            if settings.redis_url:
                return Finding("Redis", False, "连接不上", "检查 NUANYE_REDIS_URL 指向的 Redis 是否在运行")
            return Finding("Redis", True, f"未运行，启动时使用 {find_redis_server()}")
    return Finding("Redis", True, f"{version} 运行中")


def _database(settings: Settings) -> Finding:
    import asyncio

    from casework.store import open_store

    async def probe() -> None:
        store = await open_store(settings)
        await store.close()

    asyncio.run(probe())
    return Finding("数据库", True, settings.database.split("@")[-1].split("://")[0] + " 可用，表结构最新")


def _dialogue_model(settings: Settings) -> Finding:
    models = sorted(settings.models_dir.glob("dialogue-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        return Finding("对话模型", False, "没有", "运行 python -m bot.train")
    try:
        with tarfile.open(models[-1]) as archive:
            whole = bool(archive.getnames())
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        whole = False
    seen = models[-1].name + ("" if whole else " 已损坏")
    return Finding("对话模型", whole, seen, f"删除 {models[-1]}，再运行 python -m bot.train")


def _speech_models(settings: Settings) -> Finding:
    from voice.models import missing_models

    missing = missing_models(settings)
    seen = f"缺少 {'、'.join(missing)}" if missing else "齐全"
    return Finding("语音模型", not missing, seen, "运行 nuanye models prepare")


def _front_ends(_settings: Settings) -> Finding:
    from importlib.util import find_spec
    from pathlib import Path

    missing = []
    for package, page in (("connectors", "index.html"), ("console", "console.js")):
        spec = find_spec(package)
        folder = Path(spec.origin).parent / "static" if spec and spec.origin else Path()
        if not (folder / page).is_file():
            missing.append(package)
    seen = f"未构建：{'、'.join(missing)}" if missing else "已构建"
    return Finding("网页前端", not missing, seen, "运行 make setup")


_CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "磁盘": _disk,
    "Redis": _redis,
    "数据库": _database,
    "对话模型": _dialogue_model,
    "语音模型": _speech_models,
    "网页前端": _front_ends,
}


def _ports(settings: Settings) -> Iterator[Finding]:
    from nuanye.supervisor import port_in_use, running_pid

    ours = running_pid(settings) is not None
    for name in ("dialogue_port", "chat_port", "console_port"):
        port = getattr(settings, name)
        busy = port_in_use(settings.host, port)
        seen = f"{port} " + ("暖业运行中" if busy and ours else "被别的程序占用" if busy else "空闲")
        yield Finding(f"端口 {name}", ours or not busy, seen, f"用 NUANYE_{name.upper()} 换一个端口")
