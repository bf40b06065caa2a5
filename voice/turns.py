"""Is somebody's turn over, judged by the words alone? Pure; under a tenth of a millisecond."""

from __future__ import annotations

import re
from enum import Enum

from voice.words import VoiceWords, bare

# Somebody who only holds us says little more than that; longer, 等一下 is part of a story.
_WAIT_CHARS = 12
_PHONE_DIGITS = 11
_TRAILING = re.compile(r"(?:[，,、：:—-]|\.{2,}|…+|～+)\s*$")
# 那你呢, 电话是多少啊: what a question ends in. 你们上班不: a final 不 asks, but 我不 breaks off.
_ASKED = re.compile(
    r"[你您他她佢我们]呢$|(?:什么|咩|乜嘢|多少|几多|哪里|边度|为什么|点解)[呢啊呀嘛哈]?$|.{4}不$"
)
_PARTICLES = re.compile(r"[呢啊呀嘛哈诶欸]+$")
_NUMBER = re.compile(r"[0-9零〇一二两三四五六七八九幺]+$")
# 三千五, 四十五, 一万二: amounts and ages are whole although they end in a numeral.
_AMOUNT = re.compile(r"[0-9一二两三四五六七八九几][千百万十][0-9一二三四五六七八九]?$|(?<![0-9])[0-9]{3,5}$")
# 打给我, 七点以后: what ends like a beginning, but is one phrase with the word before it.
_CLOSED = re.compile(
    "|".join(
        (
            "(?:给|畀|俾|帮|找|揾|联系|通知|打|告诉|话畀|适合|啱|了解)我$",
            "(?:谢|唔该|麻烦|找|揾|打给|告诉|认识|信|见到|见|问|咨询|联系|感谢)[你您他她佢]$",
            "(?:不|唔|关|联|本人)[是系]$|^.?就[是系]$",
            r"(?:找|见|收|听|做|想|感觉|看|遇|领|拿|搵|得|能|不|唔)\w{0,2}到$",
            r"推荐一个$|之一$|[点号日月天年周晚午班]\w?(?:以后|之后|以前|之前)$",
        )
    )
)
_COPULAS = ("是", "系")
# 除了保安, 如果有夜班: a clause that waits for its other half.
_HALF = re.compile(r"^(?:至于|关于|对于|除了|除咗|如果|要是|假如|虽然|既然|只要|不但|不仅)")
_OTHER_HALF = re.compile(r"都|就|会|得|吗|怎|点|什么|咩|能|可以|不|唔|但|也|以外|之外|多少|几")
_LONGER = re.compile(r"午|星期|礼拜|下个|明|听日|后天|到|通知|消息|结果|面试")  # 等下午, 等到月底, 等通知


class Turn(Enum):
    """What the words say about the turn."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"  # more will come
    WAIT = "wait"  # the speaker tells us to stop or to hold on


def judge(text: str, words: VoiceWords) -> Turn:
    """Judge a transcript, Mandarin or Cantonese; one without any word is unfinished."""
    said = bare(text).lower()
    if _holds_us(said, words):
        return Turn.WAIT
    if not said or _TRAILING.search(text):
        return Turn.UNFINISHED
    core = _PARTICLES.sub("", said)
    if said in words.complete or core in words.complete or _ASKED.search(said) or _CLOSED.search(core):
        return Turn.FINISHED
    open_end = (
        not core or core.endswith((*words.unfinished, *_COPULAS)) or _breaks_off(core) or _is_half(core)
    )
    return Turn.UNFINISHED if open_end else Turn.FINISHED


def _holds_us(said: str, words: VoiceWords) -> bool:
    if len(said) > _WAIT_CHARS or _LONGER.search(said):
        return False
    return said in words.wait or any(len(phrase) > 1 and phrase in said for phrase in words.wait)


def _is_half(said: str) -> bool:
    opening = _HALF.search(said)
    return opening is not None and not _OTHER_HALF.search(said, opening.end())


def _breaks_off(said: str) -> bool:
    """Whether a number stops before its end: part of a telephone number, a lone numeral."""
    found = _NUMBER.search(said)
    if found is None or _AMOUNT.search(said):
        return False
    return len(found.group()) < _PHONE_DIGITS
