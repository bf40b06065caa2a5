"""`nuanye demo`: one policy question, one job intention and one phone call, for real; or a chat platform."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from core.settings import load_settings
from nuanye.commands._common import print_json

_PLATFORMS = {"wechat": "公众号", "wecom": "企业微信", "kf": "微信客服"}


def demo(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[wechat|wecom|kf]",
            help="公众号、企业微信、微信客服：在模拟的平台上对话 · a conversation on a fake platform",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """完成一次政策咨询、一次求职登记和一通电话；全部成功才以状态 0 结束。"""
    if what:
        _platform(what, as_json)
        return
    from nuanye.demonstration import run_demonstration

    report = asyncio.run(run_demonstration(load_settings(os.environ), _progress))
    if as_json:
        print_json(report)
        return
    chat, intention, call = report["chat"], report["intention"], report["call"]
    print(f"问：{chat['question']}\n答：{chat['answer']}\n")
    print("求职意向：")
    for name, value in intention["fields"].items():
        print(f"  {name}: {value}")
    print(f"\n通话：{call['callee']}  结果 {call['disposition']}  录音 {call['recording']}")
    for item in call["evidence"]:
        print(f"  {item['field']}: {item['value']}  “{item['words']}”")
    print(f"应答间隔 p50 {call['turn_gap_ms']['p50']} ms，全程 {report['seconds']} 秒")


def _platform(name: str, as_json: bool) -> None:
    if name not in _PLATFORMS:
        raise typer.BadParameter(" / ".join(_PLATFORMS))
    from nuanye.corp_demo import run_corp_demonstration
    from nuanye.wechat_demo import run_wechat_demonstration

    settings = load_settings(os.environ)
    if name == "wechat":
        report = asyncio.run(run_wechat_demonstration(settings, _progress))
    else:
        report = asyncio.run(run_corp_demonstration(name, settings, _progress))
    if as_json:
        print_json(report)
        return
    for step in report["conversation"]:
        print(f"居民（{step['act']}）：{step['said']}\n{_PLATFORMS[name]}：{step['reply']}\n")


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
