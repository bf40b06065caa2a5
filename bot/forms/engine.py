"""One turn of a form: ``step(memo, heard)`` → new memo, what to say, what happens to the call."""

from __future__ import annotations

from dataclasses import replace

from bot.forms import endings, ladders
from bot.forms.answers import beside, corrections, parse_answer, parse_key, restated, told_beside
from bot.forms.asking import ask, asked, summary
from bot.forms.flow import DONE, known_facts, next_question, previous_question
from bot.forms.moves import guessed_move, is_policy_question, move_of
from bot.forms.person import hardship_signals, stated_identity
from bot.forms.questions import KNOWABLE, QUESTIONS
from bot.forms.types import FOLLOW_UP, JOB_INTENTION, PHONE, Heard, Memo, Say, Step, Update
from core.types import Disposition, FieldValue, TurnEvent

LOW_CONFIDENCE = 0.5


def start_follow_up(callee: str, agency: str, facts: dict[str, object]) -> Step:
    """Open a call: notice and who is calling, then whether this is the person."""
    memo = Memo(activity=FOLLOW_UP, callee=callee, agency=agency, facts=facts)
    values = {"agency": agency, "name": callee}
    return asked(memo, (Say("utter_notice", values),))


def start_intention(memo: Memo, heard: Heard) -> Step:
    """Open the job intention in chat; what the first sentence already says is taken over."""
    fresh = Memo(activity=JOB_INTENTION, facts=memo.facts, needs_review=memo.needs_review)
    fresh = _store(fresh, beside(heard), heard)
    return asked(fresh, (Say("utter_intention_start"),))


def restart(memo: Memo) -> Step:
    """Begin the running form again; who is on the line need not be asked twice."""
    kept = {name: memo.fields[name] for name in ("identity", "convenient") if name in memo.fields}
    flags = tuple(flag for flag in memo.flags if flag in ("relation", "calmed"))
    fresh = replace(memo, fields=kept, flags=flags, open_question="", unclears=0, silences=0)
    return asked(fresh, (Say("utter_restarted_form"),))


def step_back(memo: Memo) -> Step:
    """Put the question before the open one again; the first one is put once more."""
    before = previous_question(memo)
    memo = replace(memo, unclears=0, silences=0)
    if not before:
        return Step(memo, (Say("utter_back_first"), ask(memo)))
    gone = {
        QUESTIONS[before].field,
        "summary_confirmed",
        *(["other_districts"] if before == "district" else []),
    }
    fields = {name: value for name, value in memo.fields.items() if name not in gone}
    marks = {"confirm_known": ("known_asked",), "hardship": ("hardship_asked",)}.get(before, ())
    flags = tuple(flag for flag in memo.flags if flag not in (*marks, "rejected"))
    memo = replace(memo, fields=fields, flags=flags, open_question=before)
    return Step(memo, (Say("utter_back"), ask(memo)))


def step(memo: Memo, heard: Heard) -> Step:
    """Advance the running form by one turn."""
    if heard.event is TurnEvent.SILENCE:
        return ladders.silence(memo)
    if heard.event is TurnEvent.UNCLEAR:
        return ladders.unclear(memo, heard)
    if heard.event is TurnEvent.KEY:
        updates = parse_key(memo.open_question, heard.text, memo)
        return _take(memo, updates, heard) if updates else ladders.unclear(memo, heard)
    heard = replace(heard, retry=memo.unclears > 0, callee=memo.callee)
    memo = replace(memo, silences=0)
    memo = _note_hardship(memo, heard)
    return _utterance(memo, heard)


def _utterance(memo: Memo, heard: Heard) -> Step:
    question = memo.open_question
    move = move_of(heard, question)
    if move:
        return _introduced(memo, move, heard)
    if is_policy_question(heard):
        return Step(replace(memo, unclears=0), (ask(memo),), policy_question=heard.text)
    changes = corrections(heard, memo, asked=question in ("confirm_summary", "confirm_known"))
    if changes:
        return _changed(memo, changes, heard)
    updates = parse_answer(question, heard)
    if not updates and question == "confirm_summary" and restated(heard, memo):
        return Step(replace(memo, unclears=0), (Say("utter_item_confirmed"),))
    return _take(memo, updates, heard) if updates else _otherwise(memo, heard)


def _introduced(memo: Memo, move: str, heard: Heard) -> Step:
    """Carry out a move; 他不在，你是哪里 also says who is speaking."""
    done = endings.moved(memo, move, heard)
    who = stated_identity(heard.text) if move == "who" and memo.open_question == "identity" else ""
    if not who:
        return done
    taken = _take(memo, [Update("identity", who, heard.text, 0.9)], heard)
    return replace(taken, says=(done.says[0], *taken.says))


def _otherwise(memo: Memo, heard: Heard) -> Step:
    """What was said does not answer the open question: it may still be worth something."""
    question = memo.open_question
    move = guessed_move(heard, question)
    if move:
        return endings.moved(memo, move, heard)
    if heard.sure("ask_policy", 0.5):
        return Step(replace(memo, unclears=0), (ask(memo),), policy_question=heard.text)
    told = told_beside(heard, memo)
    if told:
        known = any(update.field in memo.fields for update in told)
        memo = _store(replace(memo, unclears=0), told, heard)
        return asked(memo, (Say("utter_noted"),) if known else ())
    if heard.sure("greet") or heard.sure("thanks"):
        return Step(memo, (ask(memo),))
    hardship = memo.fields.get("hardship")
    if hardship is not None and hardship.words == heard.text:
        # Who speaks of a hardship is not told that nobody understood.
        return Step(replace(memo, unclears=0), (Say("utter_hardship_heard"), ask(memo)))
    pressed = parse_key(question, heard.text, memo) if len(heard.text) == 1 else []
    return _take(memo, pressed, heard) if pressed else ladders.unclear(memo, heard)


def _take(memo: Memo, updates: list[Update], heard: Heard) -> Step:
    first = updates[0]
    if first.field == "hardship":
        mentioned = memo.value("hardship") or []
        merged = list(dict.fromkeys([*mentioned, *first.value]))
        updates = [replace(first, value=merged)] if mentioned else updates
        memo = replace(memo, flags=_with(memo.flags, "hardship_asked"))
    memo = _store(replace(memo, unclears=0), updates, heard)
    if first.field == "identity":
        return _identified(memo, str(first.value), heard)
    if first.field == "convenient" and first.value is True and memo.disposition is Disposition.CALLBACK:
        memo = replace(memo, disposition=None)
    if first.field == "convenient" and first.value is False:
        return endings.ask_callback(memo)
    if first.field == "callback_time":
        return endings.called_back(memo)
    if first.field == "known_confirmed":
        return _known(memo, first.value is True, heard)
    if first.field == "summary_confirmed":
        return _confirmed(memo) if first.value is True else _rejected(memo)
    if first.field == "hardship" and first.value:
        return asked(memo, (Say("utter_hardship_heard"),))
    return asked(memo)


def _identified(memo: Memo, who: str, heard: Heard) -> Step:
    if who == "self":
        return asked(memo)
    if who == "wrong":
        return endings.moved(memo, "wrong_number", heard)
    if who == "relative":
        memo = replace(memo, disposition=Disposition.RELATIVE, open_question="callback_time")
        return Step(memo, (Say("utter_relative", {"agency": memo.agency}),))
    fields = {name: value for name, value in memo.fields.items() if name != "identity"}
    memo = replace(memo, fields=fields, flags=_with(memo.flags, "relation"))
    return Step(replace(memo, open_question="identity"), (ask(memo, "identity"),))


def _known(memo: Memo, right: bool, heard: Heard) -> Step:
    fields = {name: value for name, value in memo.fields.items() if name != "known_confirmed"}
    if right:
        for name, value in known_facts(memo).items():
            fields[name] = FieldValue(value, heard.text, heard.message_id, 0.95, "register")
    return asked(replace(memo, fields=fields, flags=_with(memo.flags, "known_asked")))


def _changed(memo: Memo, changes: list[Update], heard: Heard) -> Step:
    confirming = memo.open_question == "confirm_known"
    flags = tuple(flag for flag in memo.flags if flag != "rejected")
    memo = _store(replace(memo, unclears=0, flags=flags), changes, heard)
    if confirming:
        # 地区改成白云 to 想做保安，在天河，对吗: the rest of what we knew stands.
        memo = _known(memo, True, heard).memo
    return asked(memo, (Say("utter_changed"),))


def _rejected(memo: Memo) -> Step:
    fields = {name: value for name, value in memo.fields.items() if name != "summary_confirmed"}
    memo = replace(memo, fields=fields, flags=_with(memo.flags, "rejected"))
    return Step(memo, (Say("utter_which_wrong"),))


def _confirmed(memo: Memo) -> Step:
    form = memo.activity
    review = memo.needs_review
    if any(value.confidence < LOW_CONFIDENCE for value in memo.fields.values()):
        review = _with(review, "low_confidence")
    closed = replace(memo, activity="", open_question="", needs_review=review)
    if form == JOB_INTENTION:
        return Step(closed, (Say("utter_intention_done"),), completed=form)
    closed = replace(closed, activity=FOLLOW_UP, disposition=Disposition.COMPLETED)
    return endings.hang_up(closed, Say("utter_follow_up_done", {"agency": memo.agency}), completed=form)


def _store(memo: Memo, updates: list[Update], heard: Heard) -> Memo:
    fields = dict(memo.fields)
    for update in updates:
        if update.field == "district":
            fields.pop("other_districts", None)  # they were said beside the old one
        fields[update.field] = FieldValue(update.value, update.words, heard.message_id, update.confidence)
    review = memo.needs_review
    if fields.get("hardship") and fields["hardship"].value:
        review = _with(review, "hardship_signal")
    return replace(memo, fields=fields, needs_review=review)


def _note_hardship(memo: Memo, heard: Heard) -> Memo:
    """Keep a hardship that was mentioned in passing; a question about a policy is not one."""
    if memo.open_question in ("hardship", "identity") or is_policy_question(heard):
        return memo
    kinds = hardship_signals(heard.text)
    if not kinds or memo.value("identity") == "relative":
        return memo
    known = memo.value("hardship") or []
    merged = [*known, *(kind for kind in kinds if kind not in known)]
    return _store(memo, [Update("hardship", merged, heard.text, 0.8)], heard)


def _with(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    return items if item in items else (*items, item)


__all__ = [
    "DONE",
    "KNOWABLE",
    "PHONE",
    "next_question",
    "restart",
    "start_follow_up",
    "start_intention",
    "step",
    "step_back",
    "summary",
]
