"""``Talk``: what was asked, answered, still to be read out and offered. One Rasa slot, ``talk``."""

from __future__ import annotations

from dataclasses import dataclass, replace

KEPT_QUESTIONS = 4
KEPT_ANSWERS = 6
MAX_QUESTION = 40  # characters of a question that staff read


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that was given: the entry and the side of it."""

    policy_id: str
    facet: str | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Remembered between turns.

    ``questions`` are the last ones as they were put, ``told`` the last answers, newest last.
    ``rest`` are spoken items not yet read out, ``read`` says how many were; ``about`` is the policy
    they belong to. ``offered``: the text by message was offered and not yet answered. ``rejected``
    are answers that were not what was meant; ``person`` is whom the questions are about; ``fresh``:
    the last answer was the last thing said.
    """

    questions: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    rest: tuple[str, ...] = ()
    read: int = 0
    about: str = ""
    offered: bool = False
    rejected: tuple[str, ...] = ()
    person: str = ""
    pace: float = 1.0
    fresh: bool = False

    def asked(self, question: str) -> Talk:
        """Remember a question; what was offered or refused before belongs to an earlier one."""
        kept = [*(item for item in self.questions if item != question), question[:MAX_QUESTION]]
        return replace(self, questions=tuple(kept[-KEPT_QUESTIONS:]), rejected=()).quiet()

    def answered(self, policy_id: str, facet: str | None) -> Talk:
        """Remember an answer; the same one again is not a second."""
        latest = Told(policy_id, facet)
        kept = self.told if self.told[-1:] == (latest,) else (*self.told, latest)
        return replace(self.quiet(), told=kept[-KEPT_ANSWERS:], fresh=True)

    def reading(self, policy_id: str, rest: tuple[str, ...]) -> Talk:
        """Begin to read a list out: its first item was said."""
        return replace(self, about=policy_id, rest=rest, read=1, offered=False)

    def quiet(self) -> Talk:
        """Leave no list and no offer open."""
        return replace(self, rest=(), read=0, offered=False)
