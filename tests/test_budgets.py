"""The house's budgets: how long modules and functions may be, and where citizens' sentences stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "casework", "bot", "connectors", "voice", "console", "nuanye", "benchmarks", "scripts")
MODULES = sorted(
    path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if "node_modules" not in path.parts
)

MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 6

# A migration is a list of tables, one statement after the other; cutting it up would hide its order.
LONG_FUNCTIONS = {"casework/migrations/versions/0001_initial.py:upgrade"}

# Chinese that makes a sentence: an ending, a polite address, or a clause after a comma. Patterns that
# recognise what citizens say are not sentences that they read; they carry signs which prose has not.
_SENTENCE = re.compile(r"[\u4e00-\u9fff][。！？]|您|[\u4e00-\u9fff]，[\u4e00-\u9fff]|[\u4e00-\u9fff]{12,}")
_PATTERN = re.compile(r"[|\\\[\]()^$*+]|\?:")
# Long runs of characters that are no prose: the literal, and what it is.
_LISTS = {
    "0123456789零一二两三四五六七八九十百千万": "what a number is made of",
    "个年天次倍种类项家人名份岁场条步档笔届": "measure words",
    "的啊呀啦嘅了我你您嘛吧有在得呢噢哦喔空时好是对呗滴系": "characters around a yes or no that say nothing",
}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [item.arg for item in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _docstrings(tree: ast.Module) -> set[int]:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, holders) and node.body]
    return {id(item.value) for item in first if isinstance(item, ast.Expr)}


def is_sentence(text: str) -> bool:
    """Tell whether a literal is Chinese prose and not a pattern that recognises prose."""
    return bool(_SENTENCE.search(text)) and not _PATTERN.search(text)


def _sentences(path: Path) -> Iterator[str]:
    tree = _tree(path)
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in docstrings and text not in _LISTS and is_sentence(text):
            yield f"{_name(path)}: {text}"


def test_modules_are_short() -> None:
    """No module has more than 300 lines."""
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert len(lengths) > 100
    assert {name: length for name, length in lengths.items() if length > MAX_MODULE_LINES} == {}


def test_functions_are_short() -> None:
    """No function has more than 40 lines, its signature and docstring included."""
    lengths = {
        f"{_name(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in _functions(path)
    }
    too_long = {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES}

    assert set(too_long) == LONG_FUNCTIONS, too_long


def test_functions_take_few_parameters() -> None:
    """No function takes more than six, `self` not counted."""
    counts = {
        f"{_name(path)}:{node.name}": _parameters(node) for path in MODULES for node in _functions(path)
    }

    assert {name: count for name, count in counts.items() if count > MAX_PARAMETERS} == {}


@pytest.mark.parametrize("package", ["bot", "connectors", "voice"])
def test_no_sentence_for_citizens_stands_in_code(package: str) -> None:
    """What citizens read or hear lives in dialogues/ or bot/knowledge/, to be changed without code."""
    found = [
        sentence
        for path in MODULES
        if path.relative_to(ROOT).parts[0] == package
        for sentence in _sentences(path)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("请稍等。", True),
        ("您好", True),
        ("网络不太好，正在重试", True),
        ("天河区", False),
        ("零一二三四五六七八九", False),
        (r"(?:你|您)(?:是|系)谁", False),
        ("plain English.", False),
    ],
)
def test_sentences_are_told_from_words_and_patterns(text: str, prose: bool) -> None:
    """The check sees prose, and neither names, character lists nor patterns."""
    assert is_sentence(text) is prose
