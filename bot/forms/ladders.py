"""What happens when nothing, or nothing understandable, is heard: more help each time, then an end."""

from __future__ import annotations

from dataclasses import replace

from bot.forms.answers import keys_of
from bot.forms.asking import ask, asked
from bot.forms.endings import hang_up, talked
from bot.forms.questions import QUESTIONS
from bot.forms.types import PHONE, Heard, Memo, Say, Step
from core.types import Disposition, FieldValue

SILENCES = 3
TRIES = 4
SKIPPED = "unclear_answer"


def silence(memo: Memo) -> Step:
    """Ask again, ask shorter, then say goodbye."""
    count = memo.silences + 1
    memo = replace(memo, silences=count)
    if count >= SILENCES:
        disposition = memo.disposition or (Disposition.PARTIAL if talked(memo) else None)
        return hang_up(replace(memo, disposition=disposition), Say("utter_silence_bye"))
    if count == 1:
        return Step(memo, (Say("utter_silence"), ask(memo)))
    return Step(memo, (ask(memo, style="again"),))


def unclear(memo: Memo, heard: Heard) -> Step:
    """Ask kindly; after two tries offer keys; after four leave the question open or end the call.

    Who was twice heard too badly is not asked the same again: keys, or a person, come at once. Whoever
    spoke before the question was out has not misunderstood it.
    """
    if heard.unheard and memo.unclears == 0:
        return Step(replace(memo, silences=0, unclears=1), (ask(memo),))
    count = memo.unclears + 1
    if heard.doubtful:
        has_keys = heard.channel == PHONE and bool(keys_of(memo.open_question, memo))
        count = max(count, TRIES - 1 if has_keys else TRIES)
    memo = replace(memo, unclears=count, silences=0)
    if count >= TRIES:
        return _give_up(memo, heard)
    if "rejected" in memo.flags and memo.open_question == "confirm_summary":
        return Step(memo, (Say("utter_unclear"), Say("utter_which_wrong")))
    if count > 2 and keys_of(memo.open_question, memo) and heard.channel == PHONE:
        return Step(memo, (ask(memo, style="keys"),))
    return Step(memo, (Say("utter_unclear"), ask(memo, style="again" if count > 1 else "ask")))


def _give_up(memo: Memo, heard: Heard) -> Step:
    question = QUESTIONS[memo.open_question]
    review = memo.needs_review if SKIPPED in memo.needs_review else (*memo.needs_review, SKIPPED)
    memo = replace(memo, needs_review=review, unclears=0)
    if not question.optional and heard.channel == PHONE:
        memo = replace(memo, disposition=Disposition.PARTIAL if talked(memo) else memo.disposition)
        return hang_up(memo, Say("utter_unclear_bye", {"agency": memo.agency}))
    if question.id == "callback_time":
        return hang_up(
            replace(memo, disposition=memo.disposition or Disposition.CALLBACK), Say("utter_callback_open")
        )
    if not question.optional:
        return Step(memo, (Say("utter_unclear"), ask(memo)))
    # An empty value says that it was asked and not understood; staff see it under needs_review.
    empty = FieldValue(None, heard.text, heard.message_id, 0.0)
    memo = replace(memo, fields={question.field: empty, **memo.fields})
    marks = {"confirm_known": "known_asked", "hardship": "hardship_asked"}
    if question.id in marks:
        memo = replace(memo, flags=(*memo.flags, marks[question.id]))
    return asked(memo, (Say("utter_skip"),))
