"""The fixed phrases of an answer, from ``phrases.yaml``.

Every phrase is a named template; which placeholders it may use is part of the schema below, so
that a typing error is found when the file is loaded and not in front of a citizen.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from core.errors import KnowledgeError

PHRASES_FILE = Path(__file__).with_name("phrases.yaml")

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    name: frozenset(allowed.split())
    for name, allowed in {
        "amount": "text",
        "how": "text",
        "where": "text",
        "eligibility": "text",
        "materials": "text",
        "when": "text",
        "basis": "text",
        "region": "text",
        "item": "text",
        "heading": "title facet",
        "facet_what": "",
        "facet_amount": "",
        "facet_eligibility": "",
        "facet_how": "",
        "facet_where": "",
        "facet_materials": "",
        "facet_when": "",
        "facet_basis": "",
        "facet_question": "title facet",
        "facet_empty": "hotline",
        "facet_empty_spoken": "hotline",
        "more_items": "facet",
        "as_of": "date",
        "as_of_basis": "basis date",
        "source_file": "title date",
        "source_link": "title date url",
        "snapshot": "date",
        "snapshot_spoken": "date",
        "verify": "hotline",
        "verify_spoken": "hotline",
        "expired": "",
        "expired_spoken": "",
        "full_details_spoken": "hotline",
        "basis_spoken": "basis date",
        "ask": "",
        "ask_one_spoken": "title",
        "ask_spoken": "first second third",
        "ask_option": "number title",
        "ask_none": "",
        "ask_or": "",
        "list_separator": "",
        "unknown": "hotline",
        "unknown_spoken": "hotline",
        "human_title": "",
        "human_text": "",
        "unknown_part": "part hotline",
        "lapsed": "date",
        "lapsed_spoken": "date",
        "about_person": "person",
        "about_person_spoken": "person",
        "ask_district": "",
        "other_district": "",
        "list_first": "count item",
        "list_next": "number item",
        "list_last": "item",
        "list_more": "",
        "detail_item": "facet text",
        "facet_details": "",
    }.items()
}


# Sections of the file beside the phrases: names by what people say, and phrases in Cantonese.
_SECTIONS = ("persons", "cantonese")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Templates by name; ``say`` fills one in.

    ``persons``: what people say (老公) → how we name them (您先生). ``cantonese``: the phrases that read
    differently to somebody who is answered in Cantonese.
    """

    templates: Mapping[str, str]
    persons: Mapping[str, str] = field(default_factory=dict)
    cantonese: Mapping[str, str] = field(default_factory=dict)

    def in_language(self, language: str) -> Phrases:
        """Return the phrases to answer with in ``language`` (``cantonese``; anything else: Mandarin)."""
        own = self.cantonese if language == "cantonese" else {}
        return replace(self, templates={**self.templates, **own}) if own else self

    def say(self, name: str, **values: str) -> str:
        """The phrase ``name`` with its placeholders filled.

        Raises:
            KeyError: for a name or a placeholder that ``PLACEHOLDERS`` does not list.
        """
        return self.templates[name].format(**values)


def load_phrases(path: Path = PHRASES_FILE) -> Phrases:
    """Read and check the phrase file.

    Raises:
        KnowledgeError: naming the file and every missing, unknown or malformed phrase.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(raw, dict):
        raise KnowledgeError(f"{path.name}: must be a mapping of phrase names to text")
    sections = {name: raw.pop(name, None) or {} for name in _SECTIONS}
    if not all(isinstance(section, dict) for section in sections.values()):
        raise KnowledgeError(f"{path.name}: {', '.join(_SECTIONS)}: must be mappings")
    problems = [f"{name}: missing" for name in PLACEHOLDERS if name not in raw]
    for name, text in (*raw.items(), *sections["cantonese"].items()):
        problem = _problem(str(name), text)
        if problem:
            problems.append(f"{name}: {problem}")
    if problems:
        raise KnowledgeError(f"{path.name}: " + "; ".join(sorted(problems)))
    persons = {str(said): str(named) for said, named in sections["persons"].items()}
    return Phrases(dict(raw), persons, dict(sections["cantonese"]))


def _problem(name: str, text: object) -> str:
    if name not in PLACEHOLDERS:
        return "no such phrase"
    if not isinstance(text, str) or not text.strip():
        return "must be text"
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError:
        return "unbalanced braces"
    unknown = used - PLACEHOLDERS[name]
    return f"unknown placeholder {', '.join(sorted(unknown))}" if unknown else ""
