"""Cuts replies into clauses: the unit that is rendered, cached, played and counted as heard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.types import CallAction, Reply
from voice.manner import Manner

# A synthesiser needs whole sentences for its melody; only long ones are cut at a comma.
LONG_CHARS = 28

_SENTENCE = re.compile(r"[^。！？；!?;\n]+[。！？；!?;]*[”」』）)]*")
_PART = re.compile(r"[^，,：:]+[，,：:]*")


@dataclass(frozen=True, slots=True)
class Clause:
    """One stretch of our speech; a protected one is not stopped by speech over it."""

    text: str
    protected: bool = False
    manner: Manner = Manner()


def split_clauses(text: str) -> tuple[str, ...]:
    """Cut ``text`` at sentence ends, and long sentences at commas. Nothing but white space is lost."""
    clauses: list[str] = []
    for match in _SENTENCE.finditer(text):
        sentence = match.group().strip()
        if sentence:
            clauses += _parts(sentence) if len(sentence) > LONG_CHARS else [sentence]
    return tuple(clauses)


def _parts(sentence: str) -> list[str]:
    parts: list[str] = []
    current = ""
    for match in _PART.finditer(sentence):
        piece = match.group()
        if current and len(current) + len(piece) > LONG_CHARS:
            parts.append(current.strip())
            current = ""
        current += piece
    parts.append(current.strip())
    return [part for part in parts if part]


def clauses_of(
    replies: Iterable[Reply], split: Callable[[str], tuple[str, ...]] = split_clauses
) -> tuple[Clause, ...]:
    """Everything to be said for ``replies``, in order.

    A reply that ends the call is protected too: a goodbye answered with "好的" is not cut off.
    """
    clauses: list[Clause] = []
    for reply in replies:
        whole = reply.spoken or reply.text
        manner = Manner.of(whole, reply.pace)
        protected = reply.protected or reply.call is not CallAction.CONTINUE
        clauses += [Clause(text, protected, manner) for text in split(whole)]
    return tuple(clauses)
