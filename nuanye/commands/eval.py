"""`nuanye eval`: measure understanding on files of held-out lines."""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nuanye.commands.eval_calls import calls

app = typer.Typer(help="评测 · measure understanding and calls", no_args_is_help=True)
app.command()(calls)

_Json = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
_Misses = Annotated[bool, typer.Option("--misses", help="列出答错的句子 · list what went wrong")]
_Limit = Annotated[
    float,
    typer.Option(
        "--overlap-limit",
        min=0,
        max=1,
        help="与训练数据近似的句子最多占多少 · share of near-duplicates allowed",
    ),
]


@app.command()
def nlu(
    file: Annotated[
        list[Path], typer.Argument(help="JSONL：text、intent、entities、variety · labelled lines")
    ],
    as_json: _Json = False,
    misses: _Misses = False,
    overlap_limit: _Limit = 0.02,
) -> None:
    """意图和实体评测 · how well intents and entities are recognised."""
    from bot.evaluation.files import read_utterances
    from bot.evaluation.interpreter import parse_all
    from bot.evaluation.known import unknown_names
    from bot.evaluation.nlu import marked, summarise_nlu
    from core.settings import load_settings

    lines = read_utterances(file)
    parsed = parse_all([item.text for item in lines], load_settings(os.environ))
    overlap = _overlap([item.text for item in lines])
    summary = summarise_nlu(lines, parsed) | unknown_names(lines) | overlap
    _show(summary, as_json=as_json)
    if misses:
        for item, found in zip(lines, parsed, strict=True):
            if item.intent != found.intent:
                print(f"  {item.intent} → {found.intent} {found.confidence:.2f}  {item.text}", file=_err())
            if set(marked(item, found)) != set(found.entities):
                print(f"  {item.text}: {item.entities} → {found.entities}", file=_err())
    _judge(summary, overlap_limit)


@app.command()
def policy(
    file: Annotated[
        list[Path], typer.Argument(help="JSONL：question、policy_ids、variety、context、channel · questions")
    ],
    as_json: _Json = False,
    misses: _Misses = False,
    overlap_limit: _Limit = 0.02,
) -> None:
    """政策问答检索评测 · how well questions find their policy."""
    from bot.evaluation.files import read_questions
    from bot.evaluation.interpreter import parse_all
    from bot.evaluation.known import unknown_policies
    from bot.evaluation.policy import ask, summarise_policy
    from bot.knowledge import load_entries
    from bot.retrieval import PolicyIndex
    from core.settings import load_settings

    questions = read_questions(file)
    settings = load_settings(os.environ)
    entries = load_entries()
    index = PolicyIndex.load(entries, settings.cache)
    index.search(questions[0].question)  # the first search loads the embedding model
    asked = ask(questions, index.search)
    parsed = parse_all([item.question for item in questions], settings)
    overlap = _overlap([item.question for item in questions if not item.context])
    unknown = unknown_policies(questions, entries)
    summary = summarise_policy(asked, [item.intent for item in parsed]) | unknown | overlap
    _show(summary, as_json=as_json)
    if misses:
        for item in asked:
            wanted = item.question.policy_ids
            if not (item.first if wanted else item.decision == "unknown"):
                print(f"  [{item.decision} {item.rank}] {item.question.question} → {wanted}", file=_err())
    _judge(summary, overlap_limit)


@app.command()
def turns(
    file: Annotated[
        list[Path],
        typer.Argument(help="JSONL：text、label（finished、unfinished、wait） · labelled transcripts"),
    ],
    as_json: _Json = False,
    misses: _Misses = False,
) -> None:
    """话轮是否说完的评测 · how well the end of a turn is judged from its words."""
    from core.settings import load_settings
    from voice.endings_fit import words_with_endings
    from voice.evaluation import judge_all, read_turns, summarise_turns

    lines = read_turns(file)
    judged = judge_all(lines, words_with_endings(load_settings(os.environ).cache))
    _show(summarise_turns(judged), as_json=as_json)
    for item in judged if misses else ():
        if item.found is not item.line.label:
            print(f"  {item.line.label.value} → {item.found.value}  {item.line.text}", file=_err())


@app.command()
def answered(
    file: Annotated[
        list[Path],
        typer.Argument(help="JSONL：text、label（person、voicemail、powered_off…） · labelled first words"),
    ],
    as_json: _Json = False,
    misses: _Misses = False,
) -> None:
    """谁接的电话的评测 · persons, machines and announcements told apart by their first words."""
    from voice.answering import load_answering
    from voice.lab.answered import read_first_words, summarise_answered, tell_all

    told = list(tell_all(read_first_words(file), load_answering()))
    _show(summarise_answered(told), as_json=as_json)
    for item in told if misses else ():
        if item.found != item.line.label:
            print(f"  {item.line.label} → {item.found}  {item.line.text}", file=_err())


@app.command()
def asr(
    manifest: Annotated[Path, typer.Argument(help="JSONL：audio、text，可加 set · recordings and words")],
    engine: Annotated[
        str, typer.Option("--engine", help="auto、vosk、whisper、sherpa · which recogniser")
    ] = "auto",
    codec: Annotated[
        str, typer.Option("--codec", help="none、pcm8k、alaw8k · what the line does to the sound")
    ] = "none",
    loss: Annotated[float, typer.Option("--loss", help="丢包比例，如 0.05 · share of packets lost")] = 0.0,
    noise_db: Annotated[
        float | None, typer.Option("--noise-db", help="信噪比（分贝） · signal to noise, dB")
    ] = None,
    as_json: _Json = False,
) -> None:
    """语音识别评测 · character error rate and speed of a recogniser."""
    import asyncio
    from dataclasses import replace

    from core.settings import load_settings
    from voice.engines.factory import choose_recognizer, make_recognizer
    from voice.lab.asr import hear_all, read_manifest, summarise_asr
    from voice.lab.line import Line

    recordings, line = read_manifest(manifest), Line(codec, loss, noise_db)
    settings = load_settings({**os.environ, "NUANYE_RECOGNIZER": engine})
    recognizer = make_recognizer(replace(settings, voice_lines=1))
    heard = asyncio.run(hear_all(recordings, recognizer, line, _progress))
    _show(summarise_asr(heard, choose_recognizer(settings), line), as_json=as_json)


@app.command()
def noise(
    file: Annotated[Path, typer.Argument(help="JSONL：带 text 或 question 的文件 · lines to make noisy")],
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, max=1, help="改动的字占多少 · share of characters changed")
    ] = 0.15,
    seed: Annotated[int, typer.Option("--seed", help="随机种子 · same seed, same noise")] = 7,
) -> None:
    """把句子变成听错的样子，写到标准输出 · make lines look misheard, written to stdout."""
    from bot.chinese.noise import noisy
    from bot.evaluation.files import read_lines
    from core.errors import BadInput

    for number, raw in read_lines(file):
        key = "question" if "question" in raw else "text"
        if not isinstance(raw.get(key), str):
            raise BadInput(f"{file.name}, line {number}: needs text or question")
        changed = raw | {key: noisy(raw[key], seed=seed, rate=rate), "variety": "noised"}
        # The noise moves what was marked, and may have hit it.
        changed.pop("entities", None)
        print(json_module.dumps(changed, ensure_ascii=False))


def _progress(done: int, of: int) -> None:
    if done == of or done % 20 == 0:
        print(f"\r{done}/{of}", end="\n" if done == of else "", file=_err(), flush=True)


def _overlap(lines: Sequence[str]) -> dict[str, Any]:
    from bot.evaluation.known import known_texts
    from bot.evaluation.overlap import twins

    found = twins(lines, known_texts())
    return {
        "near_duplicates": {
            "share": round(len(found) / max(len(lines), 1), 4),
            "lines": [{"line": twin.line, "known": twin.known} for twin in found],
        }
    }


def _judge(summary: dict[str, Any], limit: float) -> None:
    share = summary["near_duplicates"]["share"]
    if share > limit:
        from core.errors import BadInput

        raise BadInput(
            f"{share:.1%} of the lines are near-duplicates of training data, more than {limit:.1%}",
            hint="reword them, or pass --overlap-limit",
        )


def _show(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json_module.dumps(summary, ensure_ascii=False))
        return
    for name, value in summary.items():
        if name == "near_duplicates":
            print(f"{name:18s} {value['share']:.1%}")
            for twin in value["lines"]:
                print(f"  {twin['line']} ~ {twin['known']}")
        elif name in ("by_variety", "by_intent", "by_set"):
            print(name)
            for label, part in value.items():
                print(f"  {label:22s} {_pairs(part)}")
        elif name == "worst":
            print(name)
            for line in value:
                print(f"  {line['cer']:.0%}  {line['said']} → {line['heard']}  {line['audio']}")
        elif name in ("confusions", "policy_confusions"):
            print(name)
            for pair in value:
                print(f"  {pair['truth']} → {pair['guess']}  {pair['n']}")
        elif isinstance(value, dict):
            print(f"{name:18s} {_pairs(value)}")
        else:
            print(f"{name:18s} {value}")


def _pairs(part: dict[str, Any]) -> str:
    return "  ".join(f"{key} {number}" for key, number in part.items())


def _err() -> Any:
    import sys

    return sys.stderr
