"""`nuanye ask`."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from core.errors import BadInput, TooLarge
from nuanye.commands import ask as command
from tests.bot.policy import index


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command with the index that the other tests already loaded."""
    import bot.retrieval

    loaded = index()
    monkeypatch.setattr(bot.retrieval.PolicyIndex, "load", lambda entries, cache: loaded)
    app = typer.Typer()
    app.command()(command.ask)
    return app


def run(cli: typer.Typer, *arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_an_answer_has_its_policy_its_sources_and_both_wordings(cli: typer.Typer) -> None:
    """The JSON of an answered question holds what a caller needs."""
    found = run(cli, "广州失业金一个月多少钱")
    assert found["decision"] == "answer"
    assert found["policy_ids"] == ["ui_amount_gz"]
    assert "2412元" in str(found["answer"])
    assert "两千四百一十二元" in str(found["spoken"])
    assert found["choices"] == []
    sources = found["sources"]
    assert isinstance(sources, list)
    assert sources[0].keys() == {"policy_id", "title", "document", "as_of", "url"}


def test_an_unsure_match_offers_choices(cli: typer.Typer) -> None:
    """The choices are those of the candidates named."""
    found = run(cli, "毕业生补贴")
    assert found["decision"] == "ask"
    assert isinstance(found["choices"], list)
    assert isinstance(found["policy_ids"], list)
    assert 1 <= len(found["choices"]) <= 3
    assert len(found["choices"]) == len(found["policy_ids"])


def test_an_unknown_question_claims_nothing(cli: typer.Typer) -> None:
    """No policy, no source, no choice; a person is offered."""
    found = run(cli, "今天天气怎么样")
    assert (found["decision"], found["policy_ids"], found["sources"], found["choices"]) == (
        "unknown",
        [],
        [],
        [],
    )
    assert "转人工" in str(found["answer"])


def test_the_telephone_prints_what_is_said(cli: typer.Typer) -> None:
    """--channel phone prints the spoken answer."""
    result = CliRunner().invoke(cli, ["广州失业金一个月多少钱", "--channel", "phone"])
    assert result.stdout.startswith("广州的失业金现在每月两千四百一十二元。")


def test_bad_options_are_named(cli: typer.Typer) -> None:
    """An unknown channel and an oversized question are errors of ours."""
    assert isinstance(CliRunner().invoke(cli, ["问", "--channel", "fax"]).exception, BadInput)
    assert isinstance(CliRunner().invoke(cli, ["问" * 2001]).exception, TooLarge)
