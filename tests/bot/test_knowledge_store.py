"""Draft, versions and the live one; contradictions; what happens to a broken draft."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bot.knowledge.check import check_knowledge
from bot.knowledge.contradictions import contradictions
from bot.knowledge.districts import load_districts
from bot.knowledge.loader import KNOWLEDGE_DIR, load_entries
from bot.knowledge.store import SHIPPED, KnowledgeStore, compare, content_hash
from core.errors import KnowledgeError

AT = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> KnowledgeStore:
    """An installation that has published nothing yet."""
    return KnowledgeStore(tmp_path / "knowledge")


def edit(store: KnowledgeStore, name: str, old: str, new: str) -> None:
    """Change a text of the draft."""
    path = store.draft().folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def retitle(store: KnowledgeStore) -> None:
    """A small valid change."""
    edit(store, "policies/flexible.yaml", "title: 灵活就业社会保险补贴", "title: 灵活就业人员社会保险补贴")


def test_the_shipped_knowledge_is_the_first_live_one(store: KnowledgeStore) -> None:
    """Nothing published: what came with the program is served, and a draft equals it."""
    assert store.live().name == SHIPPED
    assert store.live().folder == KNOWLEDGE_DIR
    assert compare(store.live().folder, store.draft().folder) == ()
    assert store.publish(by="a", note="", at=AT).name == SHIPPED
    assert store.versions() == ()


def test_a_published_draft_is_live_logged_and_can_be_taken_back(store: KnowledgeStore) -> None:
    """Publish, publish again, back to the one before, back to the shipped one."""
    retitle(store)
    (change,) = compare(store.live().folder, store.draft().folder)
    assert (change.entry_id, change.kind, list(change.fields)) == ("flex_ss_subsidy", "changed", ["title"])
    first = store.publish(by="王主任", note="改名", at=AT)
    assert store.live() == first
    assert {entry.title for entry in load_entries(first.folder)} >= {"灵活就业人员社会保险补贴"}
    edit(store, "spoken.yaml", "网上用粤就业、粤省事", "网上用粤就业或者粤省事")
    second = store.publish(by="王主任", note="", at=AT)
    assert store.versions() == (first.name, second.name)
    assert store.roll_back("", by="李", at=AT) == first
    assert store.roll_back(SHIPPED, by="李", at=AT).name == SHIPPED
    events = [(entry["event"], entry["version"], entry["by"]) for entry in store.log()]
    assert events == [
        ("publish", first.name, "王主任"),
        ("publish", second.name, "王主任"),
        ("rollback", first.name, "李"),
        ("rollback", SHIPPED, "李"),
    ]
    assert store.log()[0]["changes"] == ["changed flex_ss_subsidy"]


def test_a_published_version_does_not_change_with_the_draft(store: KnowledgeStore) -> None:
    """What is live is a copy."""
    retitle(store)
    version = store.publish(by="a", note="", at=AT)
    before = content_hash(version.folder)
    edit(
        store, "policies/flexible.yaml", "title: 灵活就业人员社会保险补贴", "title: 又改了一次的社会保险补贴"
    )
    assert content_hash(version.folder) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("policies/flexible.yaml", "id: flex_ss_subsidy", "id: flex_other", "flex_ss_subsidy"),
        ("policies/flexible.yaml", "status: ", "status: maybe #", "status"),
        ("policies/flexible.yaml", "- id: ", "- id: [", "flexible.yaml"),
        ("spoken.yaml", "两千四百一十二元", "九千九百九十九元", "ui_amount_gz"),
        ("phrases.yaml", "as_of: ", "as_off: ", "as_off"),
        ("districts.yaml", "svc_station_gz", "svc_nowhere", "svc_nowhere"),
    ],
)
def test_a_broken_draft_is_refused_by_name_and_nothing_changes(
    store: KnowledgeStore, name: str, old: str, new: str, says: str
) -> None:
    """Each error names file, entry and field; the live version stays."""
    edit(store, name, old, new)
    with pytest.raises(KnowledgeError) as refused:
        store.publish(by="a", note="", at=AT)
    assert says in refused.value.hint
    assert store.live().name == SHIPPED
    assert store.versions() == ()


@pytest.mark.parametrize("name", ["0009-aaaaaaaa", "../policies", "", "x" * 5000])
def test_a_live_version_that_is_not_there_is_an_error_not_a_crash(store: KnowledgeStore, name: str) -> None:
    """A damaged ``live`` file never leads outside the folder; an empty one means shipped."""
    store.folder.mkdir(parents=True)
    (store.folder / "live").write_text(name, encoding="utf-8")
    if not name:
        assert store.live().name == SHIPPED
        return
    with pytest.raises(KnowledgeError):
        store.live()


def test_publishing_without_a_draft_is_refused(store: KnowledgeStore) -> None:
    """There is nothing to publish."""
    with pytest.raises(KnowledgeError):
        store.publish(by="a", note="", at=AT)


def test_contradictions_are_found_and_the_shipped_knowledge_has_none() -> None:
    """Another's amount, a status that its own text denies, a condition that no text states."""
    assert check_knowledge(date(2026, 11, 28)).contradicting == ()
    raw = yaml.safe_load((KNOWLEDGE_DIR / "policies" / "unemployment.yaml").read_text(encoding="utf-8"))
    amount = next(entry for entry in raw if entry["id"] == "ui_amount_gz")
    other = {**raw[0], "id": "other", "summary": "广州失业金现在是每月9999元。", "conditions": []}
    stopped = {
        **raw[0],
        "id": "stopped",
        "summary": "这项补贴已停止。",
        "status": "current",
        "conditions": [],
    }
    condition = {"field": "ui_contribution_months", "op": "gte", "value": 77, "unit": "month", "clause": "x"}
    unstated = {**raw[0], "id": "unstated", "conditions": [condition]}
    files = {"a.yaml": [amount, other, stopped, unstated]}
    found = list(contradictions(files, {"ui_amount_gz": "广州失业金标准"}))
    assert {line.split(":")[0] for line in found} == {"other", "stopped", "unstated"}


def test_an_entry_that_ends_within_sixty_days_or_has_ended_is_listed() -> None:
    """The list is about a day that can be chosen."""
    soon = {item.id: item.days for item in check_knowledge(date(2026, 11, 28)).expiring}
    assert soon["emp_expand_2026"] == 33
    assert {i.id for i in check_knowledge(date(2027, 2, 1)).expiring if i.days < 0} >= {"emp_expand_2026"}
    assert not check_knowledge(date(2026, 8, 1)).expiring


@pytest.mark.parametrize(
    "text", ["- 1", "a: b", "- general: x", "- {general: svc_station_gz, districts: 3}", "[["]
)
def test_a_malformed_district_file_is_a_named_error(tmp_path: Path, text: str) -> None:
    """Not a crash at the first question."""
    (tmp_path / "districts.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"districts\.yaml"):
        load_districts(tmp_path, {"svc_station_gz"})


def test_the_commands_draft_diff_publish_and_roll_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an editor runs them; no core is running."""
    from nuanye.commands.knowledge import app

    monkeypatch.setenv("NUANYE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NUANYE_DIALOGUE_URL", "http://127.0.0.1:9")
    run = CliRunner().invoke
    folder = Path(run(app, ["draft"]).output.strip())
    path = folder / "policies" / "flexible.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("灵活就业社会保险补贴", "灵活就业人员社保补贴", 1), encoding="utf-8")
    assert "flex_ss_subsidy" in run(app, ["diff"]).output
    published = run(app, ["publish", "--by", "王主任", "--note", "改名"])
    assert published.exit_code == 0
    assert "没有运行" in published.output
    assert "王主任" in run(app, ["versions"]).output
    assert "shipped" in run(app, ["rollback"]).output
    assert run(app, ["check", "--no-reach"]).exit_code == 0
