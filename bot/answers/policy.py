"""The replies: one policy, a choice between policies, or an honest "I do not know"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from bot.answers.facets import FACETS, facet_items
from bot.answers.listing import DETAILS
from bot.answers.parts import effective_status, footer, lapsed_on, sources, spoken_text, written_text
from bot.answers.speech import to_speech
from bot.knowledge.entries import PolicyEntry
from bot.knowledge.phrases import Phrases
from bot.retrieval.types import Candidate
from core.types import Button, Reply

MAX_CHOICES = 3
_OFFERED = ("eligibility", "materials", "how", "when", "amount")
_MAX_FACET_BUTTONS = 3
_SHOW_SOURCES = frozenset({"web", "kiosk"})
_MAX_RELATED_BUTTONS = 2


def answer_policy(
    entry: PolicyEntry,
    *,
    facet: str | None,
    channel: str,
    today: date,
    phrases: Phrases,
    hotline: str,
) -> Reply:
    """The answer for one entry.

    ``facet`` is one of ``FACETS``, ``details`` for all of them, or ``None`` for the overview (what, how
    much, how to apply). An entry whose own end date lies before ``today`` is said to have lapsed, and to
    be verified. On the telephone there are no buttons.
    """
    asked = facet if facet in (*FACETS, DETAILS) else None
    status = effective_status(entry, today)
    content = written_text(entry, asked, status, phrases, hotline)
    spoken = spoken_text(entry, asked, status, phrases, hotline)
    ended = lapsed_on(entry, today)
    if ended:
        content = f"{phrases.say('lapsed', date=ended)}\n{content}"
        spoken = phrases.say("lapsed_spoken", date=to_speech(ended)) + spoken
    # The chat page unfolds ``sources`` under the message; other text doors show the text alone.
    rests_on = footer(entry, asked, phrases, named_source=channel not in _SHOW_SOURCES)
    return Reply(
        text=f"{content}\n{rests_on}",
        spoken=spoken,
        buttons=() if channel == "phone" else _buttons(entry, asked, status, phrases),
        sources=sources(entry),
    )


def ask_choices(
    candidates: Sequence[Candidate], entries: Iterable[PolicyEntry], *, phrases: Phrases
) -> Reply:
    """您想问的是…: at most three titles; pressing or saying one asks for that policy.

    Candidates that name no entry are left out; at least one must remain.
    """
    known = {entry.id: entry for entry in entries}
    chosen = [known[item.policy_id] for item in candidates if item.policy_id in known][:MAX_CHOICES]
    lines = [phrases.say("ask")]
    lines += [
        phrases.say("ask_option", number=str(number), title=entry.title)
        for number, entry in enumerate(chosen, start=1)
    ]
    titles = [to_speech(entry.short_title) for entry in chosen]
    said = titles[:1] + [phrases.say("ask_or") + title for title in titles[1:]]
    said += [""] * (MAX_CHOICES - len(said))
    return Reply(
        text="\n".join(lines),
        spoken=phrases.say("ask_spoken", first=said[0], second=said[1], third=said[2]),
        buttons=(
            *(Button(entry.short_title, entry.title) for entry in chosen),
            Button(phrases.say("ask_none"), phrases.say("ask_none")),
        ),
    )


def ask_district(districts: Sequence[str], *, phrases: Phrases) -> Reply:
    """请问您在哪个区: one button for each of ``districts`` and one for all others."""
    names = [*districts, phrases.say("other_district")]
    said = phrases.say("ask_district")
    return Reply(text=said, spoken=said, buttons=tuple(Button(name, name) for name in names))


def ask_one(entry: PolicyEntry, *, phrases: Phrases) -> Reply:
    """Read one likely policy out, to be answered by yes or no."""
    said = phrases.say("ask_one_spoken", title=to_speech(entry.short_title))
    return Reply(text=said, spoken=said)


def unknown(*, phrases: Phrases, hotline: str, channel: str = "web") -> Reply:
    """Say that there is no reliable answer, and offer a person."""
    human = Button(phrases.say("human_title"), phrases.say("human_text"))
    return Reply(
        text=phrases.say("unknown", hotline=hotline),
        spoken=phrases.say("unknown_spoken", hotline=hotline),
        buttons=() if channel == "phone" else (human,),
    )


def _buttons(entry: PolicyEntry, asked: str | None, status: str, phrases: Phrases) -> tuple[Button, ...]:
    shown = set(_OFFERED) if asked == DETAILS else {asked} if asked else {"what", "amount", "how"}
    # A policy that has ended needs no list of what to bring; what there is instead comes from see_also.
    offered = () if status == "expired" else _OFFERED
    facets = [name for name in offered if name not in shown and facet_items(entry, name)]
    buttons = []
    for name in facets[:_MAX_FACET_BUTTONS]:
        label = phrases.say(f"facet_{name}")
        text = phrases.say("facet_question", title=entry.short_title, facet=label)
        buttons.append(Button(label, text))
    related = entry.related[: MAX_CHOICES if status == "expired" else _MAX_RELATED_BUTTONS]
    return (*buttons, *(Button(item.title, item.title) for item in related))
