"""What the schema cannot say: references between files, and how an answer may be spoken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.knowledge.numbers import stated, unsupported

MAX_SPOKEN_CHARS = 80
MAX_SENTENCES = 2
MAX_QUESTION_CHARS = 80

Files = Mapping[str, list[dict[str, Any]]]

_TEXTS = ("title", "region", "summary", "deadline_or_period", "as_of", "note")
_LISTS = ("audience", "eligibility", "amount", "how_to_apply", "materials", "basis")
_SENTENCE = re.compile(r"[^。！？]+[。！？]")
_UNSPEAKABLE = re.compile(r"[0-9０-９（）()\[\]【】《》〔〕<>{}%％/＝=×＋+]|https?:|www\.")
_ENDED = re.compile(r"停止|停发|截止|没有了|删去|取消")
# Hotlines of other services that entries refer to are names, not amounts.
_TELEPHONES = frozenset(map(Decimal, ("12333", "12345", "12393")))


def cross_problems(files: Files, spoken: Mapping[str, Any], wording: Mapping[str, Any]) -> Iterable[str]:
    """Repeated ids, dangling references, missing or orphaned wordings (``file: entry: field: why``)."""
    home: dict[str, str] = {}
    for name, raw in _each(files):
        if raw["id"] in home:
            yield f"{name}: {raw['id']}: id: already used in {home[raw['id']]}"
        home[raw["id"]] = name
    for name, raw in _each(files):
        yield from _reference_problems(name, raw, home)
        if not isinstance(spoken.get(raw["id"]), str):
            yield f"spoken.yaml: {raw['id']}: spoken: missing"
        if raw["id"] in wording:
            for problem in _wording_problems(wording[raw["id"]], raw):
                yield f"wording.yaml: {raw['id']}: {problem}"
    for file_name, mapping in (("spoken.yaml", spoken), ("wording.yaml", wording)):
        for key in mapping.keys() - home.keys():
            yield f"{file_name}: {key}: id: no such entry"


def question_problems(files: Files, asked: Mapping[str, Any]) -> Iterable[str]:
    """Further questions of entries that do not exist, that are no text, too long, or said twice of one."""
    own = {raw["id"]: list(raw["questions"]) for _, raw in _each(files)}
    for entry_id, questions in asked.items():
        if entry_id not in own:
            yield f"questions: {entry_id}: id: no such entry"
        elif not isinstance(questions, list) or not all(isinstance(text, str) for text in questions):
            yield f"questions: {entry_id}: questions: must be a list of texts"
        else:
            said = [*own[entry_id], *questions]
            yield from (
                f"questions: {entry_id}: questions: {text[:20]}: listed twice"
                for text in sorted({text for text in said if said.count(text) > 1})
            )
            yield from (
                f"questions: {entry_id}: questions: {text[:20]}: not 2 to {MAX_QUESTION_CHARS} characters"
                for text in questions
                if not 2 <= len(text.strip()) <= MAX_QUESTION_CHARS
            )


def entry_numbers(raw: Mapping[str, Any]) -> frozenset[Decimal]:
    """Every number that the entry states anywhere a citizen may be told from."""
    texts = [str(raw.get(field, "")) for field in _TEXTS]
    texts += [item for field in _LISTS for item in raw.get(field, ())]
    return stated("\n".join(texts))


def spoken_problems(files: Files, spoken: Mapping[str, Any]) -> Iterable[str]:
    """Spoken variants that are too long, cannot be said, or state what their entry does not."""
    for _, raw in _each(files):
        text = spoken.get(raw["id"])
        if isinstance(text, str):
            for problem in _spoken_problems(text, raw):
                yield f"spoken.yaml: {raw['id']}: spoken: {problem}"


def wording_number_problems(files: Files, wording: Mapping[str, Any]) -> Iterable[str]:
    """Replacements and cautions that state a number their entry does not."""
    for _, raw in _each(files):
        own = wording.get(raw["id"], {})
        texts = [own.get("title", ""), own.get("caution", ""), *own.get("replace", {}).values()]
        invented = unsupported("\n".join(texts), entry_numbers(raw) | _TELEPHONES)
        if invented:
            yield f"wording.yaml: {raw['id']}: wording: not in the entry: {', '.join(invented)}"


def _each(files: Files) -> Iterable[tuple[str, dict[str, Any]]]:
    return ((name, raw) for name, items in files.items() for raw in items)


def _reference_problems(name: str, raw: Mapping[str, Any], home: Mapping[str, str]) -> Iterable[str]:
    for other in raw.get("see_also", ()):
        if other == raw["id"]:
            yield f"{name}: {other}: see_also: refers to itself"
        elif other not in home:
            yield f"{name}: {raw['id']}: see_also: no entry {other}"


def _spoken_problems(text: str, raw: Mapping[str, Any]) -> Iterable[str]:
    sentences = _SENTENCE.findall(text)
    if "".join(sentences) != text:
        yield "must end with a full stop"
    # The program adds the caution of a policy to be verified as the second sentence.
    allowed = MAX_SENTENCES - (raw["status"] == "verify")
    if len(sentences) > allowed:
        yield f"more than {allowed} sentence(s)"
    if len(text) > MAX_SPOKEN_CHARS:
        yield f"{len(text)} characters, more than {MAX_SPOKEN_CHARS}"
    found = _UNSPEAKABLE.search(text)
    if found:
        yield f"cannot be said: {found[0]}"
    invented = unsupported(text, entry_numbers(raw) | _TELEPHONES)
    if invented:
        yield f"not in the entry: {', '.join(invented)}"
    if raw["status"] == "snapshot" and "截至" not in text:
        yield "a snapshot must say 截至"
    if raw["status"] == "expired" and not _ENDED.search(text):
        yield "an expired policy must say that it has ended"


def _wording_problems(value: Any, raw: Mapping[str, Any]) -> Iterable[str]:
    if not isinstance(value, dict):
        yield "entry: must be a mapping"
        return
    for key in sorted(value.keys() - {"title", "caution", "replace", "document_first"}):
        yield f"{key}: no such field"
    for key in sorted(value.keys() & {"title", "caution"}):
        if not isinstance(value[key], str) or not value[key].strip():
            yield f"{key}: must be text"
    if not isinstance(value.get("document_first", False), bool):
        yield "document_first: must be true or false"
    pairs = value.get("replace", {})
    if not isinstance(pairs, dict) or not all(isinstance(new, str) for new in pairs.values()):
        yield "replace: must map text to text"
        return
    stands = [raw["summary"], raw["deadline_or_period"], *(text for field in _LISTS for text in raw[field])]
    for old in pairs:
        if not any(str(old) in text for text in stands):
            yield f"replace: not in the entry: {str(old)[:20]}"
