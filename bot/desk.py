"""The policy desk: a question in; an answer, a choice, a question back or an honest don't-know out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from bot.answers import (
    answer_policy,
    ask_choices,
    ask_district,
    ask_one,
    detect_facet,
    opening_facet,
    unknown,
)
from bot.answers.listing import read_out
from bot.answers.parts import effective_status, lapsed_on
from bot.answers.speech import telephone_words, to_speech
from bot.chinese.numbers import parse_number
from bot.chinese.text import normalise
from bot.knowledge.dates import written
from bot.knowledge.districts import DistrictGroup, load_districts
from bot.knowledge.entries import PolicyEntry
from bot.knowledge.loader import KNOWLEDGE_DIR, load_entries, load_out_of_scope
from bot.knowledge.phrases import Phrases, load_phrases
from bot.questions import asks, split_questions
from bot.retrieval import Candidate, PolicyIndex
from core.types import Reply

MAX_CHOICES = 3
PHONE = "phone"
OWN_WORDS = 6  # characters of a question that is told from anything else by its wording alone
# One candidate leads when it is this likely and this many times likelier than the next.
LEAD_CHANCE, LEAD_FACTOR = 0.35, 2.0
_ONE_BREATH = 66  # characters of a spoken list that are said at once


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what the answer depends on beside the question.

    ``last_policy`` is what a follow-up such as 要带什么材料 refers to; ``person`` names whom the question
    is about (您先生; empty: whoever asks); ``district`` is theirs, as far as known (天河区).
    """

    channel: str
    today: date
    language: str = ""
    last_policy: str = ""
    person: str = ""
    district: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """``decision`` is ``answer``, ``ask``, ``ask_one`` (yes or no) or ``unknown``; ``choices`` are ids.

    ``rest`` are the spoken items that were not yet read out; ``lapsed`` says that the entry no longer
    holds, so that staff have to look at it.
    """

    decision: str
    reply: Reply
    policy_id: str = ""
    facet: str | None = None
    choices: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    lapsed: bool = False


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """Retrieval and wording behind one door. ``version`` names the knowledge that is served."""

    entries: Mapping[str, PolicyEntry]
    index: PolicyIndex
    phrases: Phrases
    hotline: str
    districts: tuple[DistrictGroup, ...] = ()
    version: str = ""

    @classmethod
    def load(
        cls, cache_dir: Path, hotline: str, folder: Path = KNOWLEDGE_DIR, version: str = ""
    ) -> PolicyDesk:
        """Read the knowledge files of ``folder`` and build the index. Raises ``KnowledgeError``."""
        entries = load_entries(folder)
        known = {entry.id: entry for entry in entries}
        index = PolicyIndex.load(entries, cache_dir, load_out_of_scope(folder))
        groups = load_districts(folder, known)
        return cls(known, index, load_phrases(folder / "phrases.yaml"), hotline, groups, version)

    def look_up(self, text: str, asker: Asker) -> tuple[Found, ...]:
        """Answer a message; two questions in it get two answers, whatever else it holds gets one."""
        parts = split_questions(text)
        if len(parts) < 2:
            whole = self._look_up(text, asker)
            # 我被辞退了。失业金怎么领？: where all of it is too much, or the question says enough by itself.
            alone = parts and parts[0] != text and (whole.decision != "answer" or self.has_wording(parts[0]))
            return (self._look_up(parts[0], asker) if alone else whole,)
        found: list[Found] = []
        for part in parts:
            one = self._look_up(part, asker)
            if one.decision == "answer":
                asker = replace(asker, last_policy=one.policy_id)
            if one.decision == "unknown":
                said = self._phrases(asker).say("unknown_part", part=part, hotline=self._number(asker))
                one = replace(one, reply=Reply(said, said, one.reply.buttons))
            if (one.decision, one.policy_id, one.facet) not in {
                (f.decision, f.policy_id, f.facet) for f in found
            }:
                found.append(one)
        answers = [one for one in found if one.decision == "answer"]
        if not answers or any(one.choices for one in found):
            # A choice can only be asked about alone; and what no part answers, the whole may.
            return (self._look_up(text, asker),)
        # A list is read to its end before the next answer begins: it comes last.
        return tuple(sorted(found, key=lambda one: bool(one.rest)))

    def _look_up(self, question: str, asker: Asker) -> Found:
        ranking = self.index.search(question, context_policy_id=asker.last_policy)
        phrases = self._phrases(asker)
        if ranking.decision == "unknown" or not ranking.candidates:
            return Found("unknown", unknown(phrases=phrases, hotline=self.hotline, channel=asker.channel))
        best = ranking.candidates[0].policy_id
        if ranking.decision == "answer":
            facet = detect_facet(question) if best == asker.last_policy else opening_facet(question)
            return self._in_district(question, best, asker) or self.answer(best, facet, asker)
        return self._choice(ranking.candidates, asker)

    def has_wording(self, text: str) -> bool:
        """Say whether a text is a question that an entry lists word for word."""
        return len(text) >= OWN_WORDS and asks(text) and bool(self.index.wordings.named(text))

    def others(self, question: str, rejected: Sequence[str], asker: Asker) -> Found | None:
        """Offer what else a question may have meant, without ``rejected``; ``None`` when there is nothing."""
        ranking = self.index.search(question)
        left = tuple(item for item in ranking.candidates if item.policy_id not in rejected)
        return self._choice(left, asker) if left and ranking.decision != "unknown" else None

    def answer(self, policy_id: str, facet: str | None, asker: Asker) -> Found:
        """Say what an entry says; one that was taken out of the knowledge meanwhile is not known."""
        entry, phrases = self.entries.get(policy_id), self._phrases(asker)
        if entry is None:
            return Found("unknown", unknown(phrases=phrases, hotline=self.hotline, channel=asker.channel))
        reply = answer_policy(
            entry,
            facet=facet,
            channel=asker.channel,
            today=asker.today,
            phrases=phrases,
            hotline=self.hotline,
        )
        rest: tuple[str, ...] = ()
        if asker.channel == PHONE:
            reply, rest = self._read_out(entry, facet, reply, asker)
        if asker.person:
            written_for = phrases.say("about_person", person=asker.person)
            spoken_for = phrases.say("about_person_spoken", person=asker.person)
            reply = replace(reply, text=f"{written_for}\n{reply.text}", spoken=spoken_for + reply.spoken)
        lapsed = entry.status == "expired" or bool(lapsed_on(entry, asker.today))
        return Found("answer", reply, policy_id, facet, rest=rest, lapsed=lapsed)

    def choose(self, text: str, choices: Sequence[str]) -> str:
        """Return the id chosen by number (``2``, ``第二个``), title or district; ``""``: none is meant."""
        plain = normalise(text).strip(" 。.!！?？")
        number = parse_number(plain.removeprefix("第").rstrip("个条项")) if len(plain) <= 4 else None
        if number is not None and 1 <= number <= len(choices):
            return choices[int(number) - 1]
        group = self._group_of(choices)
        if group is not None:
            named = group.of(plain)
            if named or plain.endswith(("区", "区吧")):
                return group.entry_for(named)
        for policy_id in choices:
            entry = self.entries.get(policy_id)
            if entry and plain in (normalise(entry.title), normalise(entry.short_title)):
                return policy_id
        return ""

    def is_none_of_these(self, text: str) -> bool:
        """Say whether a choice was declined with the button for it."""
        plain = normalise(text)
        return plain in {
            normalise(self.phrases.in_language(name).say("ask_none")) for name in ("", "cantonese")
        }

    def title(self, policy_id: str) -> str:
        """Return an entry's title as staff read it."""
        entry = self.entries.get(policy_id)
        return entry.short_title if entry else policy_id

    def next_item(self, rest: Sequence[str], asker: Asker) -> str:
        """Return the next item of a list that is read out, and whether to go on if there are more."""
        more = self._phrases(asker).say("list_more") if len(rest) > 1 else ""
        return rest[0] + more

    def _in_district(self, question: str, best: str, asker: Asker) -> Found | None:
        """Ask which district is meant where that matters and nothing says so."""
        group = self._group_of((best,))
        if group is None or best == group.general or any(name in question for name in group.names):
            return None
        named = group.of(question) or asker.district
        if group.of(question) and group.entry_for(named) == best:
            return None
        if named:
            return self.answer(group.entry_for(named), opening_facet(question), asker)
        reply = ask_district(tuple(group.districts), phrases=self._phrases(asker))
        return Found("ask", reply, choices=(*group.districts.values(), group.general))

    def _group_of(self, policy_ids: Sequence[str]) -> DistrictGroup | None:
        """Return the group whose districts ``policy_ids`` are, ``None`` when they are no such thing."""
        wanted = set(policy_ids)
        return next(
            (
                g
                for g in self.districts
                if wanted & set(g.districts.values()) and wanted <= {*g.districts.values(), g.general}
            ),
            None,
        )

    def _choice(self, candidates: Sequence[Candidate], asker: Asker) -> Found:
        phrases = self._phrases(asker)
        if asker.channel == PHONE and _leads(candidates):
            # Three titles are too much to listen to; one can be answered by yes or no.
            best = candidates[0].policy_id
            return Found("ask_one", ask_one(self.entries[best], phrases=phrases), choices=(best,))
        shown = candidates[:MAX_CHOICES]
        reply = ask_choices(shown, list(self.entries.values()), phrases=phrases)
        return Found("ask", reply, choices=tuple(item.policy_id for item in shown))

    def _read_out(
        self, entry: PolicyEntry, facet: str | None, reply: Reply, asker: Asker
    ) -> tuple[Reply, tuple[str, ...]]:
        """Turn a long spoken answer into a list that is read item by item."""
        phrases = self._phrases(asker)
        status = effective_status(entry, asker.today)
        reading = read_out(entry, facet, phrases) if status != "expired" else None
        if reading is None or len(reading.first) + sum(map(len, reading.rest)) <= _ONE_BREATH:
            return reply, ()
        said = reading.first
        if status == "snapshot":
            said = phrases.say("snapshot_spoken", date=to_speech(written(entry.as_of))) + said
        ended = lapsed_on(entry, asker.today)
        if ended:
            said = phrases.say("lapsed_spoken", date=to_speech(ended)) + said
        if status == "verify":
            said += phrases.say("verify_spoken", hotline=self._number(asker))
        return replace(reply, spoken=said + phrases.say("list_more")), reading.rest

    def _phrases(self, asker: Asker) -> Phrases:
        return self.phrases.in_language(asker.language)

    def _number(self, asker: Asker) -> str:
        return telephone_words(self.hotline) if asker.channel == PHONE else self.hotline


def _leads(candidates: Sequence[Candidate]) -> bool:
    first = candidates[0].confidence
    second = candidates[1].confidence if len(candidates) > 1 else 0.0
    return first >= LEAD_CHANCE and first >= LEAD_FACTOR * second
