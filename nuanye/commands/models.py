"""`nuanye models`: which speech models there are, fetching them, checking them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ModelError
from core.settings import load_settings
from nuanye.commands._common import print_json

if TYPE_CHECKING:
    from voice.catalogue import Model
    from voice.download import Progress
    from voice.models import ModelStore

app = typer.Typer(no_args_is_help=True, add_completion=False, help="语音模型 · speech models")

JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]


def _store() -> ModelStore:
    from voice.engines.factory import model_store

    return model_store(load_settings(os.environ))


def _state(store: ModelStore, model: Model) -> str:
    if store.present(model):
        return "ready"
    return "bundled" if store.obtainable(model) else "absent"


_STATES = {"ready": "可用", "bundled": "随包附带，待准备", "absent": "未下载"}


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """列出语音模型：状态、大小、许可，以及能否用于正式服务。"""
    from voice.catalogue import catalogue

    store = _store()
    if as_json:
        rows = [
            {
                "name": model.name,
                "engine": model.engine,
                "languages": list(model.languages),
                "licence": model.licence,
                "service": model.service,
                "size_mb": model.size_mb,
                "state": _state(store, model),
                "note": model.note,
            }
            for model in catalogue()
        ]
        print_json({"folder": str(store.root), "models": rows})
        return
    for model in catalogue():
        print(
            f"{model.name:24} {_STATES[_state(store, model)]}  {model.size_mb} MB  "
            + "/".join(model.languages)
        )
        print(f"    {model.title}")
        use = "可用于正式服务" if model.service else "仅限演示和测试"
        print(f"    许可 {model.licence} · {use}" + (f" · {model.note}" if model.note else ""))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="模型名称，见 nuanye models list · a name from the list")],
    as_json: JsonOption = False,
) -> None:
    """下载一个模型：显示进度，可断点续传，校验后才启用。"""
    from voice.catalogue import find
    from voice.download import ModelFetcher

    model = find(name)
    got = asyncio.run(ModelFetcher(_store()).fetch(model, _progress(model)))
    if not got.pinned:
        print("发布者没有公布校验值，已记下本次下载的：", got.sha256, file=sys.stderr)
    if as_json:
        print_json({"name": name, "folder": str(got.folder), "sha256": got.sha256, "pinned": got.pinned})
    else:
        print(f"{name} 已就绪：{got.folder}")


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="留空则检查所有已安装的 · empty: all installed")] = "",
    as_json: JsonOption = False,
) -> None:
    """逐个文件核对校验值；损坏时以状态 1 结束，并给出修复命令。"""
    from voice.catalogue import catalogue, find

    store = _store()
    models = [find(name)] if name else [model for model in catalogue() if store.present(model)]
    damaged: dict[str, str] = {}
    for model in models:
        try:
            if not store.directory(model).exists():
                raise ModelError(f"model {model.name} is not here", hint=f"nuanye models fetch {model.name}")
            store.verify(model)
        except ModelError as error:
            damaged[model.name] = f"{error} → {error.hint}"
    if as_json:
        print_json({"checked": [model.name for model in models], "damaged": damaged})
    else:
        for model in models:
            print(f"{model.name}: {damaged.get(model.name, '完好')}")
    if damaged:
        raise typer.Exit(1)


@app.command()
def prepare(as_json: JsonOption = False) -> None:
    """准备当前设置要用的识别模型和语音（make setup 会运行它）。"""
    from voice.endings_fit import load_endings
    from voice.models import prepare_models

    settings = load_settings(os.environ)
    done = prepare_models(settings, lambda line: print(line, file=sys.stderr, flush=True))
    load_endings(settings.cache)  # learnt once, kept in the cache
    if as_json:
        print_json({"ready": done})
    else:
        print("语音模型已就绪：" + "、".join(done))


@app.command("recording-name")
def recording_name(
    text: Annotated[str, typer.Argument(help="话术原文 · the sentence as the dialogue says it")],
) -> None:
    """给出真人录音的文件名：放进 <data_dir>/prompts/ 即可替换这句合成语音。"""
    from voice.prompts import recording_name as name_of

    print(load_settings(os.environ).data_dir / "prompts" / name_of(text))


def _progress(model: Model) -> Progress:
    shown = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown < 1 and done != total:
            return
        shown = time.monotonic()
        share = f"{done * 100 // total:3d} %" if total else "    "
        print(f"{model.name} {share} {done >> 20} MB", file=sys.stderr, flush=True)

    return show
