"""Train several pipelines on the same examples and compare them on the same held-out lines.

    python -m benchmarks.nlu_pipelines [--without-stock]

``nlu_data`` is the training split, ``tests/data/eval/nlu.jsonl`` the test split; the noised column uses
the same lines through ``bot.chinese.noise``. Each pipeline trains in a process of its own, so that
memory is its own; the stock one is Rasa's default for Chinese: Jieba, CountVectors, DIET.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEST = ROOT / "tests/data/eval/nlu.jsonl"
SEED = 7
STOCK = """
recipe: default.v1
language: zh
assistant_id: stock
pipeline:
  - name: JiebaTokenizer
  - name: RegexFeaturizer
  - name: LexicalSyntacticFeaturizer
  - name: CountVectorsFeaturizer
  - name: CountVectorsFeaturizer
    analyzer: char_wb
    min_ngram: 1
    max_ngram: 4
  - name: DIETClassifier
    epochs: 100
    random_seed: 7
  - name: EntitySynonymMapper
policies: []
"""
NAMES = {
    "stock": "Rasa's default (Jieba, CountVectors, DIET)",
    "words": "linear, words",
    "chars": "linear, characters",
    "sounds": "linear, pinyin",
    "ours": "linear, all three (in force)",
    "embeddings": "… and sentence embeddings",
}


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--without-stock", action="store_true")
    arguments.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        print(json.dumps(_stock() if options.one == "stock" else _linear(options.one)))
        return
    print("| pipeline | accuracy | macro-F1 | noised | parse p50 | training | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, title in NAMES.items():
        if name == "stock" and options.without_stock:
            continue
        command = [sys.executable, "-m", "benchmarks.nlu_pipelines", "--one", name]
        result = subprocess.run(
            command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        row = json.loads(result.stdout.splitlines()[-1])
        print(
            f"| {title} | {row['accuracy']:.3f} | {row['macro_f1']:.3f} | {row['noised']:.3f} "
            f"| {row['ms']:.1f} ms | {row['seconds']:.1f} s | {row['mb']:.0f} MB |",
            flush=True,
        )


def _lines() -> tuple[list[str], list[str], list[str]]:
    from bot.evaluation.files import read_utterances
    from bot.chinese.noise import noisy

    items = read_utterances([TEST])
    texts = [item.text for item in items]
    return texts, [noisy(text, seed=SEED) for text in texts], [item.intent for item in items]


def _row(clean: list[str], noised: list[str], truth: list[str], spent: list[float], seconds: float) -> Any:
    from bot.evaluation.metrics import accuracy, latency, macro_f1

    return {
        "accuracy": accuracy(truth, clean),
        "macro_f1": macro_f1(truth, clean),
        "noised": accuracy(truth, noised),
        "ms": latency(spent)["p50"],
        "seconds": seconds,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _term_finder(families: str) -> Callable[[str], dict[str, list[str]]]:
    import jieba

    from bot.chinese.text import normalise
    from bot.components.ngrams import terms_of

    cutter = jieba.Tokenizer()
    for path in sorted((ROOT / "nlu_data/jieba").glob("*.txt")):
        cutter.load_userdict(str(path))

    def terms(text: str) -> dict[str, list[str]]:
        plain = normalise(text)
        found = terms_of(plain, [word for word in cutter.cut(plain) if word.strip()])
        return {family: grams for family, grams in found.items() if family in families}

    return terms


def _linear(kind: str) -> Any:
    import numpy as np
    from scipy.sparse import csr_matrix, hstack, vstack
    from sklearn.svm import LinearSVC

    from bot.chinese.text import normalise
    from bot.components.ngrams import fit, vector
    from bot.evaluation.known import training_examples

    terms = _term_finder({"words": "w", "chars": "c", "sounds": "p"}.get(kind, "wcp"))
    texts, noised, truth = _lines()
    examples = training_examples()
    started = time.perf_counter()
    documents = [terms(text) for text, _ in examples]
    vocabulary = fit(documents)

    def row(text: str, document: dict[str, list[str]]) -> Any:
        columns, values = vector(document, vocabulary)
        sparse = csr_matrix((np.array(values), ([0] * len(columns), columns)), shape=(1, vocabulary.size))
        if kind != "embeddings":
            return sparse
        from bot.retrieval.embed import embed_query

        return hstack([sparse, csr_matrix(embed_query(normalise(text)).reshape(1, -1))]).tocsr()

    matrix = vstack([row(text, document) for (text, _), document in zip(examples, documents, strict=True)])
    model = LinearSVC(C=1.0, class_weight="balanced", random_state=SEED, dual=True)
    model.fit(matrix.tocsr(), [intent for _, intent in examples])
    seconds = time.perf_counter() - started
    spent: list[float] = []

    def guess(text: str) -> str:
        begun = time.perf_counter()
        label = str(model.predict(row(text, terms(text)))[0])
        spent.append((time.perf_counter() - begun) * 1000)
        return label

    return _row([guess(text) for text in texts], [guess(text) for text in noised], truth, spent, seconds)


def _stock() -> Any:
    from bot.quiet import quiet_training_logs, quieten

    quieten()
    quiet_training_logs()
    from rasa.core.agent import Agent
    from rasa.model_training import train_nlu

    texts, noised, truth = _lines()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yml"
        config.write_text(STOCK, encoding="utf-8")
        started = time.perf_counter()
        model = asyncio.run(_train(train_nlu, config, folder))
        seconds = time.perf_counter() - started
        agent = Agent.load(model)
        spent: list[float] = []

        async def guess(lines: list[str]) -> list[str]:
            names = []
            for text in lines:
                begun = time.perf_counter()
                result = await agent.parse_message(text)
                spent.append((time.perf_counter() - begun) * 1000)
                names.append(result["intent"]["name"] or "")
            return names

        clean, misheard = asyncio.run(guess(texts)), asyncio.run(guess(noised))
    return _row(clean, misheard, truth, spent, seconds)


async def _train(train_nlu: Any, config: Path, folder: str) -> str:
    data = os.fspath(ROOT / "nlu_data")
    result = train_nlu(str(config), data, folder, fixed_model_name="stock")
    return str(await result if asyncio.iscoroutine(result) else result)


if __name__ == "__main__":
    main()
