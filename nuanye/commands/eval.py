"""`nuanye eval`: measure understanding on files of held-out questions."""

from __future__ import annotations

import json as json_module
import os
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="评测 · measure understanding", no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """Keep `policy` a subcommand even while it is the only one."""


@app.command()
def policy(
    file: Annotated[Path, typer.Argument(help="JSONL：question、policy_ids、variety · held-out questions")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
    misses: Annotated[bool, typer.Option("--misses", help="列出答错的问题 · list what went wrong")] = False,
) -> None:
    """政策问答检索评测 · how well questions find their policy."""
    from bot.knowledge import load_entries
    from bot.retrieval import PolicyIndex
    from bot.retrieval.evaluate import read_examples, run, summarise
    from core.settings import load_settings

    examples = read_examples(file)
    index = PolicyIndex.load(load_entries(), load_settings(os.environ).cache)
    index.search(examples[0].question)  # the first search loads the embedding model
    outcomes = run(examples, index.search)
    summary = dict(summarise(outcomes))
    if as_json:
        print(json_module.dumps(summary, ensure_ascii=False))
        return
    _table(summary)
    if misses:
        for item in outcomes:
            wanted = item.example.policy_ids
            fine = (item.rank == 0 and item.decision != "unknown") if wanted else item.decision == "unknown"
            if not fine:
                print(f"  [{item.decision}] {item.example.question} → {' / '.join(wanted) or '（无）'}")


def _table(summary: dict[str, Any]) -> None:
    for name, value in summary.items():
        if name == "by_variety":
            for variety, part in value.items():
                numbers = "  ".join(f"{key} {number}" for key, number in part.items())
                print(f"  {variety:12s} {numbers}")
        elif isinstance(value, dict):
            print(f"{name:16s} " + "  ".join(f"{key} {number}" for key, number in value.items()))
        else:
            print(f"{name:16s} {value}")
