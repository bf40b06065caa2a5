"""`nuanye eval`: what it prints, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import BadInput
from nuanye.commands.eval import app

DATA = Path(__file__).parents[1] / "data" / "eval"
KEYS = {"n", "intent_accuracy", "intent_macro_f1", "entity_f1", "by_variety", "latency_ms"}
POLICY_KEYS = {"top1", "top3", "mrr", "oos_recall", "false_reject", "asked"}


def _few(tmp_path: Path, name: str, count: int) -> str:
    path = tmp_path / name
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()[:count]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.mark.rasa
@pytest.mark.slow
def test_nlu_prints_the_promised_keys(tmp_path: Path) -> None:
    """`eval nlu FILE --json` prints one object, through the trained model."""
    result = CliRunner().invoke(app, ["nlu", _few(tmp_path, "nlu.jsonl", 20), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary.keys() >= KEYS | {"interval", "by_intent", "confusions", "near_duplicates"}
    assert summary["n"] == 20
    assert summary["intent_accuracy"] >= 0.7


@pytest.mark.rasa
@pytest.mark.slow
def test_policy_takes_several_files_and_prints_the_promised_keys(tmp_path: Path) -> None:
    """Known and foreign questions may lie in files of their own."""
    files = [_few(tmp_path, "policy_asked.jsonl", 6), _few(tmp_path, "out_of_scope.jsonl", 4)]
    result = CliRunner().invoke(app, ["policy", *files, "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary.keys() >= KEYS | POLICY_KEYS
    assert summary["n"] == 10
    assert summary["known"] == 6
    assert summary["latency_ms"].keys() == {"p50", "p95"}


@pytest.mark.rasa
@pytest.mark.slow
def test_copies_of_training_lines_fail_the_command(tmp_path: Path) -> None:
    """Above two per cent of near-duplicates the figures are printed, then refused."""
    path = tmp_path / "copied.jsonl"
    path.write_text('{"text": "我想在白云区找司机工作", "intent": "start_intention"}\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["nlu", str(path), "--json"])
    assert json.loads(result.stdout)["near_duplicates"]["share"] == 1.0
    assert isinstance(result.exception, BadInput)
    assert CliRunner().invoke(app, ["nlu", str(path), "--overlap-limit", "1"]).exit_code == 0


def test_noise_writes_lines_that_can_be_evaluated(tmp_path: Path) -> None:
    """Each line keeps its labels, becomes `noised`, and the same seed gives the same text."""
    path = _few(tmp_path, "policy_asked.jsonl", 5)
    result = CliRunner().invoke(app, ["noise", path, "--seed", "3"])
    assert result.exit_code == 0
    before = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    after = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["policy_ids"] for item in after] == [item["policy_ids"] for item in before]
    assert all(item["variety"] == "noised" for item in after)
    assert all(a["question"] != b["question"] for a, b in zip(after, before, strict=True))
    assert CliRunner().invoke(app, ["noise", path, "--seed", "3"]).stdout == result.stdout


def test_a_broken_file_names_its_line(tmp_path: Path) -> None:
    """The command stops with the file's name and the line's number."""
    path = tmp_path / "bad.jsonl"
    path.write_text('{"question": "问"}\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["policy", str(path)])
    assert isinstance(result.exception, BadInput)
    assert "bad.jsonl, line 1" in str(result.exception)
    result = CliRunner().invoke(app, ["noise", str(tmp_path / "none.jsonl")])
    assert isinstance(result.exception, BadInput)
