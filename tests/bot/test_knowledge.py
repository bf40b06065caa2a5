"""The policy files, their loader and `nuanye knowledge check`."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from bot.knowledge import ConditionGroup, load_entries, load_phrases
from bot.knowledge.check import check_knowledge
from bot.knowledge.dates import end_date, rewrite_dates, written
from bot.knowledge.loader import KNOWLEDGE_DIR
from bot.knowledge.numbers import stated, unsupported
from core.errors import KnowledgeError
from nuanye.commands.knowledge import app
from tests.bot.policy import TODAY, entries, entry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the knowledge folder that a test may break."""
    return Path(shutil.copytree(KNOWLEDGE_DIR, tmp_path / "knowledge"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_entry_is_loaded_with_all_its_fields() -> None:
    """All 131 entries load, and what the YAML says is what the dataclass holds."""
    assert len(entries()) == 131
    raw = yaml.safe_load((KNOWLEDGE_DIR / "policies/employers.yaml").read_text(encoding="utf-8"))[0]
    loaded = entry(raw["id"])
    assert loaded.topic == "employers"
    for field in ("title", "summary", "status", "as_of", "confidence", "note", "deadline_or_period"):
        assert getattr(loaded, field) == raw[field]
    for field in ("audience", "eligibility", "amount", "how_to_apply", "materials", "basis"):
        assert list(getattr(loaded, field)) == raw[field]
    asked = yaml.safe_load((KNOWLEDGE_DIR / "questions/employers.yaml").read_text(encoding="utf-8"))
    assert list(loaded.questions) == [*raw["questions"], *asked[raw["id"]]]
    assert [source.show_link for source in loaded.source] == [item["show_link"] for item in raw["source"]]
    group = loaded.conditions[1]
    assert isinstance(group, ConditionGroup)
    assert (group.mode, len(group.items)) == ("any", 3)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("no_such_entry: [怎么办]", "no such entry"),
        ("ui_apply: 怎么办", "must be a list"),
        ("ui_apply: [1]", "must be a list"),
        ("ui_apply: [怎么领啊, 怎么领啊]", "listed twice"),
        ("ui_apply: [问]", "characters"),
        ("[a]", "must map"),
        ("ui_apply: [", "YAML"),
    ],
)
def test_a_faulty_list_of_questions_is_named(folder: Path, content: str, problem: str) -> None:
    """Unknown entries, other things than texts, doubles and broken YAML stop the start and the check."""
    for path in (folder / "questions").glob("*.yaml"):
        path.unlink()
    (folder / "questions" / "x.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=problem):
        load_entries(folder)
    assert any(problem in error for error in check_knowledge(TODAY, folder).errors)


def test_the_schema_is_a_valid_draft_2020_12_schema() -> None:
    """schema.json itself passes its meta-schema."""
    Draft202012Validator.check_schema(json.loads((KNOWLEDGE_DIR / "schema.json").read_text(encoding="utf-8")))


def test_the_shipped_knowledge_has_no_errors_and_lists_what_needs_care() -> None:
    """The check finds no error and reports the 22 verify, 5 expired and 4 soon-ending entries."""
    report = check_knowledge(TODAY)
    assert report.errors == ()
    assert (len(report.verify), len(report.expired)) == (22, 5)
    assert {item.id for item in report.expiring} == {
        "emp_expand_2026",
        "emp_stab_2026",
        "flex_medical_gz",
        "skill_ui_subsidy",
    }
    assert check_knowledge(date(2026, 10, 1)).expiring == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("policies/employers.yaml", "status: current", "status: maybe", ("emp_expand_2026", "status")),
        ("policies/employers.yaml", "  region: 全国/广东省\n", "", ("emp_expand_2026", "region")),
        ("policies/employers.yaml", "id: emp_stab_2026", "id: emp_expand_2026", ("emp_expand_2026", "id")),
        (
            "policies/employers.yaml",
            "- hardship_categories",
            "- no_such_entry",
            ("emp_hardship_ss", "see_also"),
        ),
        ("policies/employers.yaml", "op: in", "op: like", ("emp_expand_2026", "conditions")),
        ("spoken.yaml", "ui_duration:", "ui_no_such:", ("ui_duration", "spoken")),
        ("wording.yaml", "replace: {现在不能答", "replace: {没有这句", ("ui_job_seeking_subsidy", "replace")),
        ("wording.yaml", "ui_duration: {title", "ui_duration: {titel", ("ui_duration", "titel")),
    ],
)
def test_a_broken_file_is_refused_by_name(
    folder: Path, file: str, old: str, new: str, named: tuple[str, str]
) -> None:
    """The loader's error names the file, the entry and the field."""
    edit(folder / file, old, new)
    with pytest.raises(KnowledgeError) as raised:
        load_entries(folder)
    message = str(raised.value)
    assert message.startswith(Path(file).name)
    for part in named:
        assert part in message


def test_yaml_that_cannot_be_parsed_names_its_line(folder: Path) -> None:
    """A syntax error is a KnowledgeError with the file and line."""
    (folder / "policies/training.yaml").write_text("- id: [unclosed\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"training\.yaml: cannot be read as YAML .*line"):
        load_entries(folder)


@pytest.mark.parametrize(
    ("policy_id", "spoken", "complaint"),
    [
        ("ui_duration", "最长领三十六个月。", "not in the entry: 三十六"),
        ("ui_duration", "最长领24个月。", "cannot be said"),
        ("ui_duration", "领失业金（最长）要看缴费。", "cannot be said"),
        ("ui_duration", "先登记。再申请。后领取。", "more than 2 sentence"),
        ("ui_duration", "没有句号", "full stop"),
        ("ui_duration", "缴费时间" * 25 + "。", "characters, more than 80"),
        ("startup_rent", "每年六千元。最多三年。", "more than 1 sentence"),
        ("svc_station_gz", "广州有就业驿站。", "must say 截至"),
        ("ui_assistance_expired", "失业补助金可以申请。", "must say that it has ended"),
    ],
)
def test_a_bad_spoken_variant_is_an_error(folder: Path, policy_id: str, spoken: str, complaint: str) -> None:
    """Every rule for spoken variants is enforced, invented numbers first of all."""
    path = folder / "spoken.yaml"
    texts = yaml.safe_load(path.read_text(encoding="utf-8"))
    texts[policy_id] = spoken
    path.write_text(yaml.safe_dump(texts, allow_unicode=True), encoding="utf-8")
    errors = [error for error in check_knowledge(TODAY, folder).errors if policy_id in error]
    assert len(errors) == 1
    assert complaint in errors[0]


def test_a_wording_may_not_invent_a_number(folder: Path) -> None:
    """A replacement that states an amount its entry does not have is an error."""
    edit(folder / "wording.yaml", "现在已经不能领。", "现在每月领999元。")
    assert any("ui_job_seeking_subsidy" in e and "999" in e for e in check_knowledge(TODAY, folder).errors)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("facet_what: 简单介绍\n", "", "facet_what: missing"),
        ("{hotline}核实。", "{hotlien}核实。", "unknown placeholder hotlien"),
        ("facet_what:", "facet_whatever:", "facet_whatever: no such phrase"),
    ],
)
def test_phrases_are_checked_when_loaded(folder: Path, old: str, new: str, complaint: str) -> None:
    """A missing phrase or a mistyped placeholder is found before anybody hears it."""
    edit(folder / "phrases.yaml", old, new)
    with pytest.raises(KnowledgeError, match=complaint):
        load_phrases(folder / "phrases.yaml")


def test_the_command_reports_json_and_exits_by_result(folder: Path) -> None:
    """`nuanye knowledge check --json` prints one object; the exit status is 1 with errors."""
    good = CliRunner().invoke(app, ["check", "--json", "--today", "2026-11-22"])
    assert good.exit_code == 0
    report = json.loads(good.stdout)
    assert report["ok"] is True
    assert report["entries"] == 131
    assert report["expiring"][0] == {"id": "emp_expand_2026", "ends": "2026-12-31", "days": 39}
    edit(folder / "spoken.yaml", "最长领二十四个月", "最长领二十五个月")
    bad = CliRunner().invoke(app, ["check", "--folder", str(folder)])
    assert bad.exit_code == 1
    assert "二十五" in bad.stdout


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2,412元", "2412"),
        ("两千四百一十二元", "2412"),
        ("2.49亿元", "249000000"),
        ("二点四九亿", "249000000"),
        ("五十一万五千元", "515000"),
        ("51.5万元", "515000"),
        ("二零二六年", "2026"),
        ("百分之九十", "90"),
        ("三分之二", "2"),
        ("十五天", "15"),
        ("一百七十八天", "178"),
    ],
)
def test_numbers_are_read_alike_in_digits_and_words(text: str, value: str) -> None:
    """Arabic and Chinese numerals share their value."""
    assert Decimal(value) in stated(text)


def test_words_that_contain_a_numeral_count_nothing() -> None:
    """一般, 一次性 and the like are not numbers, while 三年 is."""
    assert unsupported("一般一次性统一办理，进一步了解", frozenset()) == []
    assert unsupported("最长三年", frozenset()) == ["三"]


def test_dates_are_written_and_end_dates_found() -> None:
    """ISO dates become Chinese ones; the last day a text says it holds is found."""
    assert written("2026-09") == "2026年9月"
    assert rewrite_dates("自2026-01-01至2026-12-31") == "自2026年1月1日至2026年12月31日"
    assert end_date("2026-01-01至2026-12-31") == date(2026, 12, 31)
    assert end_date("2026-05-01起施行，有效期2年") == date(2028, 4, 30)
    assert end_date("至2027-02") == date(2027, 2, 28)
    assert end_date("长期") is None
