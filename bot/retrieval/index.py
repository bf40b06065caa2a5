"""The search: evidence for every entry, fused into one score, and a calibrated decision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.knowledge.entries import PolicyEntry
from bot.knowledge.loader import load_out_of_scope
from bot.retrieval.calibration import Array, Calibration, load_calibration, signals, softmax
from bot.retrieval.embed import embed_query
from bot.retrieval.features import Evidence, own_words
from bot.retrieval.follow_up import adds_to_last, leans_on, names_nothing, stays
from bot.retrieval.normalise import normalise
from bot.retrieval.repair import Repair
from bot.retrieval.threads import single_thread
from bot.retrieval.types import Candidate, Ranking
from bot.retrieval.wordings import Wordings

_CANDIDATES = 5
# All that we know is written in Chinese; the n-grams of anything else match by accident.
_CHINESE = re.compile(r"[㐀-鿿]")
_MIN_CHARS = 2  # a single character asks nothing
_CONTEXT_CONFIDENCE = 0.9  # the form says so, nothing was measured
_TOPIC_CHARS = 4
_SURE = 0.7  # a question of its own, whatever was talked about before
_HEARD = 0.6  # less sure than that, a mended question is as likely somebody else's altogether
_NAMED_CONFIDENCE = 0.99  # asked in an entry's own words


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """Built once per process; ``search`` changes nothing and may be called from any thread."""

    entries: tuple[PolicyEntry, ...]
    evidence: Evidence
    calibration: Calibration
    wordings: Wordings
    words: Mapping[str, str]  # all that each entry says and is asked, normalised
    repair: Repair

    @classmethod
    def load(
        cls, entries: Sequence[PolicyEntry], cache_dir: Path, foreign: Sequence[str] | None = None
    ) -> PolicyIndex:
        """Index ``entries``; embeddings are read from or written to ``cache_dir``.

        ``foreign`` are questions that no entry answers (``None``: those of the shipped knowledge).

        Raises:
            ModelError: when the fitted weights are missing or do not belong to these features.
        """
        calibration = load_calibration()
        known_foreign = load_out_of_scope() if foreign is None else foreign
        evidence = Evidence.fit(entries, known_foreign, cache_dir)
        words = {entry.id: own_words(entry) for entry in entries}
        return cls(
            tuple(entries), evidence, calibration, Wordings.of(entries), words, Repair.of(words.values())
        )

    def search(self, question: str, *, context_policy_id: str = "") -> Ranking:
        """Rank the entries for ``question``; ``context_policy_id`` is what was talked about last.

        A question in an entry's own words is that entry's; in words that several entries list, it is
        to be asked back. With a context, a question that names nothing, or nothing but what that
        entry speaks of (要带什么材料, 利息几多), is about it unless it is surely another's.
        Any text is accepted; what is empty or no question gives ``unknown``.
        """
        query = normalise(question)
        if len(query.replace(" ", "")) < _MIN_CHARS or not _CHINESE.search(query):
            return Ranking((), "unknown")
        named = self.wordings.named(question)
        if named:
            found = tuple(Candidate(name, 0.0, _NAMED_CONFIDENCE / len(named)) for name in named)
            return Ranking(found, "answer" if len(found) == 1 else "ask")
        known = next((entry for entry in self.entries if entry.id == context_policy_id), None)
        if known is not None and stays(query):
            return _about(known)
        continued = self.wordings.continued(question, known.id) if known else ""
        if continued:
            return Ranking((Candidate(continued, 0.0, _CONTEXT_CONFIDENCE),), "answer")
        if known is not None and names_nothing(query):
            return _about(known)
        ranking = self._rank_heard(query)
        if known is None or (ranking.decision == "answer" and _chance(ranking) >= _SURE):
            return ranking
        mended = self.repair.mend(query)
        if names_nothing(mended) or any(leans_on(text, self.words[known.id]) for text in (query, mended)):
            return _about(known)
        if ranking.decision == "answer" or not adds_to_last(query):
            return ranking
        return self._rank(f"{normalise(known.title)} {query}")

    def rank(self, question: str) -> Ranking:
        """Rank by the evidence alone: neither the entries' own wordings nor a context are looked at."""
        return self._rank(normalise(question))

    def _rank_heard(self, query: str) -> Ranking:
        """Rank what was written; unless that is sure, also what it sounds like, and keep the likelier."""
        written = self._topic(query) or self._rank(query)
        mended = query if _chance(written) >= _SURE else self.repair.mend(query)
        heard = written if mended == query else self._rank(mended)
        return heard if _chance(heard) > max(_chance(written), _HEARD) else written

    def _topic(self, query: str) -> Ranking | None:
        """Offer the entries whose titles hold a bare word (贷款, 退休), the likeliest first.

        A word that several titles hold is answered at once only when one is surely meant.
        """
        if len(query) > _TOPIC_CHARS:
            return None
        named = {entry.id for entry in self.entries if query in normalise(entry.title)}
        ranking = self._rank(query)
        clear = ranking.decision == "answer" and (len(named) == 1 or _chance(ranking) >= _SURE)
        if not named or clear or ranking.decision == "ask":
            return ranking
        offered = tuple(item for item in ranking.candidates if item.policy_id in named)
        return Ranking(offered, "ask") if offered else ranking

    def _rank(self, query: str) -> Ranking:
        vector = embed_query(query)
        with single_thread():
            evidence, foreign = self.evidence.scores(query, vector)
            coverage = self.evidence.coverage(query)
            fused = self.calibration.fuse(evidence, coverage)
        signal = signals(fused, evidence, coverage, foreign)
        first, third = self.calibration.chances(signal)
        return self._ranking(fused, first, third)

    def _ranking(self, fused: Array, first: float, third: float) -> Ranking:
        chance = softmax(fused[None, :])[0]
        order = np.argsort(-fused)[:_CANDIDATES]
        # The softmax says how the candidates share what the calibrated chance leaves.
        scale = first / max(float(chance[order[0]]), 1e-9)
        candidates = tuple(
            Candidate(self.entries[i].id, float(fused[i]), min(float(chance[i]) * scale, first))
            for i in order
        )
        return Ranking(candidates, self.calibration.decide(first, third))


def _chance(ranking: Ranking) -> float:
    return ranking.candidates[0].confidence if ranking.candidates else 0.0


def _about(entry: PolicyEntry) -> Ranking:
    return Ranking((Candidate(entry.id, 0.0, _CONTEXT_CONFIDENCE),), "answer")
