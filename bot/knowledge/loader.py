"""Read ``policies/*.yaml``, ``questions/*.yaml``, ``spoken.yaml`` and ``wording.yaml`` into frozen entries.

The files are checked against ``schema.json`` first, so the conversions below cannot fail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator

from bot.knowledge.entries import Condition, ConditionGroup, PolicyEntry, Related, SourceRef, Wording
from bot.knowledge.rules import cross_problems, question_problems
from core.errors import KnowledgeError

KNOWLEDGE_DIR = Path(__file__).parent

_LISTS = ("audience", "eligibility", "amount", "how_to_apply", "materials", "basis", "questions", "see_also")


def load_entries(folder: Path = KNOWLEDGE_DIR) -> tuple[PolicyEntry, ...]:
    """All entries, in file order.

    Raises:
        KnowledgeError: on the first file that breaks the schema, repeats an id, points to an
            entry that does not exist, or has no spoken variant. It names file, entry and field.
    """
    problems, files = read_files(folder)
    if problems:
        raise KnowledgeError(problems[0], hint="run: nuanye knowledge check")
    spoken = read_mapping(folder / "spoken.yaml")
    wording = read_mapping(folder / "wording.yaml")
    asked = read_questions(folder)
    problems = [*cross_problems(files, spoken, wording), *question_problems(files, asked)]
    if problems:
        raise KnowledgeError(problems[0], hint="run: nuanye knowledge check")
    entries = tuple(
        build_entry(
            {**raw, "questions": [*raw["questions"], *asked.get(raw["id"], ())]},
            name.removesuffix(".yaml"),
            str(spoken.get(raw["id"], "")),
            wording.get(raw["id"], {}),
        )
        for name, items in files.items()
        for raw in items
    )
    return _with_related(entries)


def read_questions(folder: Path) -> dict[str, Any]:
    """More ways people ask, by entry id, from every file of ``questions``.

    Raises:
        KnowledgeError: when a file is no mapping of ids, or two files speak of one entry.
    """
    asked: dict[str, Any] = {}
    for path in sorted((folder / "questions").glob("*.yaml")):
        for entry_id, questions in read_mapping(path).items():
            if entry_id in asked:
                raise KnowledgeError(f"{path.name}: {entry_id}: questions: already in another file")
            asked[entry_id] = questions
    return asked


def _with_related(entries: tuple[PolicyEntry, ...]) -> tuple[PolicyEntry, ...]:
    titles = {entry.id: entry.short_title for entry in entries}
    return tuple(
        replace(entry, related=tuple(Related(other, titles[other]) for other in entry.see_also))
        for entry in entries
    )


def load_out_of_scope(folder: Path = KNOWLEDGE_DIR) -> tuple[str, ...]:
    """Things people say that no entry answers: one a line, for the retrieval's "none of these".

    Raises:
        KnowledgeError: when the file cannot be read.
    """
    path = folder / "out_of_scope.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    return tuple(line.strip() for line in lines if line.strip())


def read_files(folder: Path) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    """Every policy file by name, and what is wrong with them (``file: entry: field: why``)."""
    problems: list[str] = []
    files: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((folder / "policies").glob("*.yaml")):
        try:
            raw = _read_yaml(path)
        except KnowledgeError as error:
            problems.append(str(error))
            continue
        found = _schema_problems(path.name, raw)
        problems += found
        if not found:
            files[path.name] = raw
    if not files and not problems:
        problems.append(f"{folder.name}/policies: no policy files")
    return problems, files


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that maps entry ids to something; a missing file is an empty one.

    Raises:
        KnowledgeError: when the file is not such a mapping.
    """
    if not path.exists():
        return {}
    raw = _read_yaml(path)
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise KnowledgeError(f"{path.name}: must map entry ids to text")
    return raw


def build_entry(raw: Mapping[str, Any], topic: str, spoken: str, wording: Any) -> PolicyEntry:
    """One frozen entry from a mapping that satisfies the schema."""
    values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in raw.items()}
    values["source"] = tuple(SourceRef(**source) for source in raw["source"])
    values["conditions"] = tuple(_condition(item) for item in raw.get("conditions", ()))
    return PolicyEntry(topic=topic, spoken=spoken, wording=_wording(wording), **values)


def _wording(raw: Any) -> Wording:
    own = raw if isinstance(raw, dict) else {}
    pairs = own.get("replace", {})
    return Wording(
        title=str(own.get("title", "")),
        caution=str(own.get("caution", "")),
        replace=tuple(pairs.items()) if isinstance(pairs, dict) else (),
        document_first=own.get("document_first") is True,
    )


def _read_yaml(path: Path) -> Any:
    try:
        # The same safe schema, parsed by libyaml: ten times faster.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where is not None else ""
        raise KnowledgeError(f"{path.name}: cannot be read as YAML ({type(error).__name__}{line})") from error


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((KNOWLEDGE_DIR / "schema.json").read_text(encoding="utf-8")))


def _schema_problems(name: str, raw: Any) -> list[str]:
    problems = []
    for error in _validator().iter_errors(raw):
        path = list(error.absolute_path)
        entry = _entry_name(raw, path)
        field = ".".join(str(part) for part in path[1:]) or "entry"
        problems.append(f"{name}: {entry}: {field}: {error.message[:160]}")
    return problems


def _entry_name(raw: Any, path: list[Any]) -> str:
    if not path or not isinstance(raw, list):
        return "file"
    entry = raw[path[0]]
    named = isinstance(entry, dict) and isinstance(entry.get("id"), str)
    return str(entry["id"]) if named else f"entry {path[0] + 1}"


def _condition(raw: Mapping[str, Any]) -> Condition | ConditionGroup:
    modes: tuple[Literal["any", "all"], ...] = ("any", "all")
    for mode in modes:
        if mode in raw:
            return ConditionGroup(mode, tuple(_condition(item) for item in raw[mode]))
    values = dict(raw)
    if isinstance(values["value"], list):
        values["value"] = tuple(values["value"])
    return Condition(**values)
