"""Does a sentence end here? A linear model over the last words and their classes. Pure.

The classes come from a dictionary (word → frequency and part of speech, jieba's), the weights from
``voice.endings_fit``. One judgement costs about a tenth of a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# What is looked at: people's last words say whether more will come.
_TAIL_CHARS = 16
_LONGEST_WORD = 5
_UNKNOWN = "x"
# Question words and particles make a sentence whole wherever they stand near its end.
_ASKING = (
    "什么",
    "咩",
    "乜",
    "多少",
    "几多",
    "哪",
    "边",
    "怎么",
    "怎样",
    "点样",
    "为什么",
    "点解",
    "吗",
    "谁",
    "几时",
)
_OPENING = "因为 如果 虽然 除了 要是 既然 不但 关于 对于 为了 自从 只要 就算 即使 尽管 当"
_OPENERS = tuple(_OPENING.split())
# Words after which a clause has just begun.
_LINKING = (
    "因为 所以 但是 不过 但系 如果 然后 跟住 结果 或者 还是 定系 而且 又 还 仲 也 都 就 才 先 再 "
    "要 会 想 可以 话 说 讲 觉得 谂"
)
_LINKS = frozenset(_LINKING.split())


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words with their frequency and their class (jieba's tags, shortened to one or two letters)."""

    frequency: Mapping[str, int]
    tags: Mapping[str, str]
    total: float
    beginnings: Mapping[str, int] = field(default_factory=dict)  # how often longer words begin so

    def segment(self, text: str) -> list[str]:
        """Cut ``text`` into its most probable words."""
        size = len(text)
        best: list[tuple[float, int]] = [(0.0, 0)] * (size + 1)
        floor = math.log(self.total)
        for start in range(size - 1, -1, -1):
            choice = (-math.inf, start + 1)
            for end in range(start + 1, min(size, start + _LONGEST_WORD) + 1):
                found = self.frequency.get(text[start:end])
                if found is None and end > start + 1:
                    continue
                score = math.log(found or 1) - floor + best[end][0]
                choice = max(choice, (score, end))
            best[start] = choice
        words, place = [], 0
        while place < size:
            words.append(text[place : best[place][1]])
            place = best[place][1]
        return words

    def tag(self, word: str) -> str:
        """Return a word's class; digits are numerals, what is unknown has a class of its own."""
        if word.isdigit():
            return "m"
        return self.tags.get(word, "e" if word.isascii() else _UNKNOWN)


@dataclass(frozen=True, slots=True)
class EndingModel:
    """``probability`` tells how sure it is that a sentence is whole."""

    lexicon: Lexicon
    weights: Mapping[str, float] = field(default_factory=dict)

    def probability(self, said: str) -> float:
        """Return 0–1 for ``said``: bare text without punctuation."""
        score = sum(self.weights.get(feature, 0.0) for feature in features(said, self.lexicon))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


# 把, 将 and "why" want a verb after what they take up.
_WANT_VERB = frozenset({"把", "将", "为什么", "为何", "点解", "点样", "怎么"})


def lacks_verb(said: str, lexicon: Lexicon) -> bool:
    """Whether a word that calls for a verb is followed only by what the verb should be about."""
    words = lexicon.segment(said[-_TAIL_CHARS:])
    for place in range(len(words) - 1, -1, -1):
        if words[place] in _WANT_VERB:
            kinds = {lexicon.tag(word)[0] for word in words[place + 1 :]}
            return bool(kinds) and kinds <= set("nrumqtx") and not kinds <= {"u"}
    return False


def features(said: str, lexicon: Lexicon) -> Iterator[str]:
    """Describe the end of ``said``; each feature at most once."""
    words = lexicon.segment(said[-_TAIL_CHARS:]) or [said]
    tags = [lexicon.tag(word) for word in words]
    yield "bias"
    yield from _ends(said, words, tags)
    yield from _shape(said, words, tags)
    yield from _rhythm(said, words, tags)
    yield from _break(words, tags, lexicon)


def _ends(said: str, words: list[str], tags: list[str]) -> Iterator[str]:
    padded, classes = ["^", "^", "^", *words], ["^", "^", "^", *tags]
    for size in (1, 2, 3, 4):
        if len(said) >= size:
            yield f"c{size}={said[-size:]}"
    last, before = padded[-1], padded[-2]
    yield f"w={last}"
    yield f"t={classes[-1]}"
    yield f"tt={classes[-2]},{classes[-1]}"
    yield f"ttt={classes[-3]},{classes[-2]},{classes[-1]}"
    yield f"tttt={classes[-4]},{classes[-3]},{classes[-2]},{classes[-1]}"
    yield f"ww={before},{last}"
    yield f"tw={classes[-2]},{last}"
    yield f"ttw={classes[-3]},{classes[-2]},{last}"
    yield f"wt={before},{classes[-1]}"
    yield f"wtt={padded[-3]},{classes[-2]},{classes[-1]}"


def _shape(said: str, words: list[str], tags: list[str]) -> Iterator[str]:
    verbs = [place for place, tag in enumerate(tags) if tag.startswith("v")]
    yield f"n={min(len(said), 12)}"
    yield f"verbs={min(len(verbs), 3)},{tags[-1] if tags else ''}"
    if verbs:
        after = ",".join(tags[verbs[-1] + 1 :][:4])
        yield f"after={after}"
        yield f"verb={words[verbs[-1]]},{after[:4]}"
    asked = any(word in said[-8:] for word in _ASKING)
    yield f"asked={asked},{tags[-1] if tags else ''}"
    opener = next((word for word in _OPENERS if said.startswith(word)), "")
    if opener:
        yield f"opens={opener},{min(len(said) // 4, 3)}"
    if said[-1:] in ("的", "嘅"):
        copula = any(word in said for word in ("是", "系"))
        place = any(word in said for word in ("住", "在", "喺"))
        yield f"of={copula},{place},{tags[-2] if len(tags) > 1 else ''}"
        yield f"of={copula},{place},{min(len(words), 6)}"
    opening = tags[0] if len(said) <= _TAIL_CHARS and tags else ""
    yield f"first={opening},{min(len(words), 4)}"


def _rhythm(said: str, words: list[str], tags: list[str]) -> Iterator[str]:
    """How the classes follow each other: what carries over to words never seen."""
    kinds = "".join(tag[0] for tag in tags)
    verbs, qualities = min(kinds.count("v"), 3), min(kinds.count("a"), 1)
    yield f"length={verbs},{kinds[-1:]},{min(len(said) // 3, 5)}"
    yield f"quality={verbs},{qualities},{'的' in said or '嘅' in said},{min(len(words), 6)}"
    yield f"kinds5={kinds[-5:]}"
    yield f"kinds7={kinds[-7:]}"
    link = next((place for place in range(len(words) - 1, -1, -1) if words[place] in _LINKS), None)
    if link is not None:
        yield f"link={words[link]},{len(words) - 1 - link},{kinds[-1]}"
        yield f"link={words[link]},{kinds[link + 1 :][:4]}"


def _break(words: list[str], tags: list[str], lexicon: Lexicon) -> Iterator[str]:
    """Whether the last word looks like the first half of a longer one."""
    last = words[-1]
    longer = math.log((lexicon.beginnings.get(last, 0) + 1) / (lexicon.frequency.get(last, 0) + 1))
    yield f"half={max(-6, min(6, int(longer)))},{len(last)}"
    yield f"last={len(last)},{tags[-1]}"
