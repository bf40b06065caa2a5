"""Taking a message: what about, who, which number; one question at a time. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from casework.handover.types import Contact
from connectors.handover.texts import HandoverTexts

FIRST = "about"
"""The first question; a question's name is that of its sentence."""

_PHONE = re.compile(r"(?<!\d)(?:\+?86)?(1[3-9]\d{9}|0\d{2,3}\d{7,8})(?!\d)")
_ABOUT_CHARS, _NAME_CHARS = 500, 20


@dataclass(frozen=True, slots=True)
class Step:
    """Where the message stands: what is known, and what was asked (empty: it is finished)."""

    contact: Contact
    question: str
    given_up: bool = False


def advance(step: Step, said: str, texts: HandoverTexts) -> Step:
    """Take the answer to ``step.question`` and ask on."""
    said = said.strip()
    if step.question == FIRST:
        if texts.means("no_message", said):
            return Step(step.contact, "", given_up=True)
        return Step(replace(step.contact, about=said[:_ABOUT_CHARS]), "name")
    if step.question == "name":
        return Step(replace(step.contact, name=_name(said, texts)), "phone")
    phone = phone_in(said)
    if phone or texts.means("no_answer", said) or texts.means("no_message", said):
        return Step(replace(step.contact, phone=phone), "")
    if step.question == "phone":
        return Step(step.contact, "phone_again")
    # Whatever it was, staff can read it in the conversation.
    return Step(step.contact, "")


def phone_in(text: str) -> str:
    """Return the telephone number of the mainland in ``text``, as digits; empty: there is none."""
    digits = re.sub(r"(?<=\d)[\s-]+(?=\d)", "", unicodedata.normalize("NFKC", text))
    found = _PHONE.search(digits)
    return found.group(1) if found else ""


def _name(said: str, texts: HandoverTexts) -> str:
    if texts.means("no_answer", said) or texts.means("no_message", said):
        return ""
    for before in texts.words["name_before"]:
        if said.startswith(before):
            said = said.removeprefix(before)
            break
    return said.strip("，。,.!！：: ")[:_NAME_CHARS]
