"""Train several pipelines on the same examples and compare them on the same held-out lines.

    python -m benchmarks.nlu_pipelines [--without-stock]

``nlu_data`` is the training split, the files ``nlu*.jsonl`` of ``tests/data/eval`` the test split; the
noised column uses the same lines through ``bot.chinese.noise``. Each pipeline trains in a process of its
own, so that memory is its own, with an empty cache of embeddings. The stock one is Rasa's default for
Chinese: Jieba, CountVectors, DIET. Rows marked with * run inside Rasa, the others are the classifier alone.
For DIET and CRF, which learn names from marked examples, the names of the lookups are marked in them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TESTS = sorted((ROOT / "tests/data/eval").glob("nlu*.jsonl"))
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
CRF = """
  - name: LexicalSyntacticFeaturizer
  - name: CRFEntityExtractor
  - name: EntitySynonymMapper
"""
NAMES = {
    "stock": "* Rasa's default (Jieba, CountVectors, DIET)",
    "words": "linear, words",
    "chars": "linear, characters",
    "sounds": "linear, pinyin",
    "grams": "linear, all three",
    "embeddings": "… and sentence embeddings for every message",
    "ours": "* in force: misheard copies, embeddings when in doubt, gazetteer",
    "crf": "* the same with a CRF for names",
}


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--without-stock", action="store_true")
    arguments.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        inside = options.one in ("stock", "ours", "crf")
        print(json.dumps(_inside_rasa(options.one) if inside else _linear(options.one)))
        return
    print("| pipeline | accuracy | macro-F1 | noised | names F1 | parse p50 | training | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, title in NAMES.items():
        if name == "stock" and options.without_stock:
            continue
        command = [sys.executable, "-m", "benchmarks.nlu_pipelines", "--one", name]
        with tempfile.TemporaryDirectory() as cache:
            result = subprocess.run(
                command,
                cwd=ROOT,
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "NUANYE_CACHE_DIR": cache},
            )
        row = json.loads(result.stdout.splitlines()[-1])
        print(
            f"| {title} | {row['accuracy']:.3f} | {row['macro_f1']:.3f} | {row['noised']:.3f} "
            f"| {row['names']} | {row['ms']:.1f} ms | {row['seconds']:.1f} s | {row['mb']:.0f} MB |",
            flush=True,
        )


def _utterances() -> Any:
    from bot.evaluation.files import read_utterances

    return read_utterances(TESTS)


def _lines() -> tuple[list[str], list[str], list[str]]:
    from bot.chinese.noise import noisy

    items = _utterances()
    texts = [item.text for item in items]
    return texts, [noisy(text, seed=SEED) for text in texts], [item.intent for item in items]


def _row(clean: list[str], noised: list[str], truth: list[str], spent: list[float], seconds: float) -> Any:
    from bot.evaluation.metrics import accuracy, latency, macro_f1

    return {
        "accuracy": accuracy(truth, clean),
        "macro_f1": macro_f1(truth, clean),
        "noised": accuracy(truth, noised),
        "names": "–",
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


def _inside_rasa(kind: str) -> Any:
    from bot.quiet import quiet_training_logs, quieten

    quieten()
    quiet_training_logs()
    from rasa.core.agent import Agent
    from rasa.model_training import train_nlu

    from bot.evaluation.interpreter import parse_with
    from bot.evaluation.metrics import entity_score
    from bot.evaluation.nlu import marked

    texts, noised, truth = _lines()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = _with_names_marked(folder) if kind in ("stock", "crf") else ROOT / "nlu_data"
        started = time.perf_counter()
        model = asyncio.run(_train(train_nlu, _config(kind, folder), data, folder))
        seconds = time.perf_counter() - started
        agent = Agent.load(model)
        clean = asyncio.run(parse_with(agent, texts))
        misheard = asyncio.run(parse_with(agent, noised))
    spent = [item.milliseconds for item in (*clean, *misheard)]
    row = _row([item.intent for item in clean], [item.intent for item in misheard], truth, spent, seconds)
    named = [marked(item, found) for item, found in zip(_utterances(), clean, strict=True)]
    return row | {"names": f"{entity_score(named, [item.entities for item in clean]).f1:.3f}"}


def _config(kind: str, folder: Path) -> Path:
    """Write the pipeline of one kind as a configuration of Rasa."""
    text = STOCK
    if kind != "stock":
        own = (ROOT / "config.yml").read_text(encoding="utf-8")
        text = own[: own.index("policies:")].replace("nlu_data/jieba", str(ROOT / "nlu_data/jieba"))
        if kind == "crf":
            names = text.index("  - name: bot.components.gazetteer_entities")
            text = text[:names] + CRF.lstrip("\n")
        text += "policies: []\n"
    path = folder / "config.yml"
    path.write_text(text, encoding="utf-8")
    return path


def _with_names_marked(folder: Path) -> Path:
    """Copy the examples with every name of the lookups marked as its type."""
    import yaml

    kinds: dict[str, str] = {}
    for path in (ROOT / "nlu_data/lookups").glob("*.yml"):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            kinds.update(dict.fromkeys(_items(block), path.stem))  # names and their synonyms
    pattern = re.compile("|".join(map(re.escape, sorted(kinds, key=len, reverse=True))))
    target = folder / "data"
    shutil.copytree(ROOT / "nlu_data", target)
    for path in target.glob("*.yml"):
        blocks = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        for block in blocks:
            lines = [pattern.sub(lambda m: f"[{m.group()}]({kinds[m.group()]})", x) for x in _items(block)]
            block["examples"] = "".join(f"- {line}\n" for line in lines)
        path.write_text(yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True), "utf-8")
    return target


def _items(block: dict[str, str]) -> list[str]:
    return [line[2:].strip() for line in block["examples"].splitlines() if line.startswith("- ")]


async def _train(train_nlu: Any, config: Path, data: Path, folder: Path) -> str:
    result = train_nlu(str(config), os.fspath(data), os.fspath(folder), fixed_model_name="compared")
    return str(await result if asyncio.iscoroutine(result) else result)


if __name__ == "__main__":
    main()
