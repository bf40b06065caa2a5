"""Is somebody's turn over, judged by the words alone? Pure; about a tenth of a millisecond.

Lists and patterns know what always ends or never ends a turn; what they do not know is decided by the
model of ``voice.endings``, where there is one.
"""

from __future__ import annotations

import re
from enum import Enum

from voice.endings import lacks_verb
from voice.words import VoiceWords, bare

# Somebody who only holds us says little more than that; longer, 等一下 is part of a story.
_WAIT_CHARS = 12
_PHONE_DIGITS = 11
# So sure must the model be that more will come, or that it will not although a weak word stands at the end.
_OPEN_BELOW = 0.25
_WHOLE_ABOVE = 0.9
_FILLERS = re.compile(r"^[嗯呃额唔诶欸啊哦噢喂哎]+(?=.)")
_TRAILING = re.compile(r"(?:[，,、：:—-]|\.{2,}|…+|～+)\s*$")
# 那你呢, 电话是多少啊: what a question ends in. 你们上班不: a final 不 asks, but 我不 breaks off.
_ASKED = re.compile(
    r"[你您他她佢我们]呢$|(?:(?<![那嗰]个)什么|(?<!嗰个)咩|乜嘢|多少|几多|哪里|边度|为什么|点解)[呢啊呀嘛哈]?$|(?:上班|开门|行|好|可以|收|包|给|招)不$"
)
_PARTICLES = re.compile(r"[呢啊呀嘛哈诶欸]+$")
_PHONE = re.compile(r"(?<![0-9零〇一二两三四五六七八九幺])[0-9零〇一二三四五六七八九幺]{11}$")
_NUMBER = re.compile(r"[0-9零〇一二两三四五六七八九幺]+$")
# 三千五, 四十五, 一万二: amounts and ages are whole although they end in a numeral.
_ONLY_AMOUNT = re.compile(r"(?=.*[十百千万])[一二两三四五六七八九几十百千万]{2,7}|[0-9]{3,5}")
_AMOUNT = re.compile(r"[0-9一二两三四五六七八九几][千百万十][0-9一二三四五六七八九]?$|(?<![0-9])[0-9]{3,5}$")
# 打给我, 七点以后: what ends like a beginning, but is one phrase with the word before it.
_CLOSED = re.compile(
    "|".join(
        (
            "(?:给|畀|俾|找|揾|联系|通知|打|告诉|话畀|适合|啱|了解)我$",
            "(?:谢|唔该|麻烦|找|揾|打给|告诉|认识|信|见到|见|问|咨询|联系|感谢)[你您他她佢]$",
            "(?:不|唔|关|联|本人)[是系]$|^.?就[是系]$",
            r"(?:找|见|收|听|做|想|感觉|看|遇|领|拿|搵|得|能|不|唔)\w{0,2}到$",
            r"(?:名字叫|个名叫|我叫|他叫|她叫|佢叫|老公叫|老婆叫|儿子叫|女儿叫|仔叫|女叫)[\u4e00-\u9fff]{2,3}$",
            r"(?:天|日|周|回头|到时|时候|下次|会儿|一阵)见$",
            r"推荐一个$|之一$|[点号日月天年周晚午班]\w?(?:以后|之后|以前|之前)$",
        )
    )
)
# 别再说了, 唔好嘈, 我还没讲完, 搵张纸写低先: ways to say so that no list exhausts.
_SPEAKING = (
    "(?:说|讲|念|读|吵|嘈|噪|出声|作声|打断|打岔|插嘴|插话|介绍|解释|重复|啰嗦|催|播|废话|说话|讲话|讲嘢)"
)
_HOLDING = re.compile(
    "|".join(
        (
            f"(?:别|不要|不用|不必|甭|唔好|唔使|咪|不许|唔准|少)(?:再|先|要|给我|跟我|同我)*{_SPEAKING}(?!普通|英|粤|白话)(?:\\w{{0,3}}$|[我听])",
            "(?:还|都|仲)?(?:没|未|冇)有?(?:说|讲)(?:完|好)",
            "(?:拎|攞|拿|找|揾|搵|取)(?:一)?(?:支|枝|张|个|本|副|下)?(?:笔|纸|本子|眼镜|耳机)",
            "^嘘",
            "等(?:一|多)?(?:等|下|会|阵|我|一)",
            "停(?:一|下|停|先|低|住|口)|(?:^|叫你|说|了|喇|好|请|快)停[啊呀吧啦了]?$|先停|暂停",
            "(?:去|先)(?:关|熄|閂|闩)(?:一下|个|下)?(?:火|门|窗|电视|煤气|水)|静(?:啲|一点|点|一静)",
            "(?:去|先)(?:拿|攞|拎|取|找|揾|搵)(?:一?下)?(?:身份证|社保卡|银行卡|手机|纸|笔|卡)",
        )
    )
)
_COPULAS = ("是", "系")
# 除了保安, 如果有夜班: a clause that waits for its other half.
_HALF = re.compile(r"^[那咁]?(?:至于|关于|对于|除了|除咗|如果|要是|假如|虽然|既然|只要|不但|不仅)")
_OTHER_HALF = re.compile(r"都|就|会|得|吗|怎|点|什么|咩|能|可以|不|唔|但|也|以外|之外|多少|几")
_LONGER = re.compile(
    r"午|星期|礼拜|下个|明|听日|后天|等到|到时|到账|通知|消息|结果|面试"
)  # 等下午, 等到月底, 等通知


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
    spoken = _FILLERS.sub("", said)
    core = _PARTICLES.sub("", spoken)
    if not core or _is_half(core):
        return Turn.UNFINISHED if said not in words.complete else Turn.FINISHED
    if _is_whole(spoken, core, words, hesitant=spoken != said):
        return Turn.FINISHED
    return Turn.UNFINISHED if _is_open(spoken, core, words) else Turn.FINISHED


def is_phone_number(text: str) -> bool:
    """Whether bare ``text`` ends in all the digits of a mobile number."""
    return _PHONE.search(text) is not None


def _is_whole(spoken: str, core: str, words: VoiceWords, *, hesitant: bool) -> bool:
    """Whether the words are known to end a turn; who begins with a hesitation and a copula goes on."""
    if hesitant and core.endswith(_COPULAS):
        return False
    if spoken in words.complete or core in words.complete:
        return True
    if _ONLY_AMOUNT.fullmatch(core):
        return True
    return bool(_ASKED.search(spoken) or _CLOSED.search(core) or _PHONE.search(core))


def _is_open(spoken: str, core: str, words: VoiceWords) -> bool:
    whole = 0.5
    if words.endings is not None:
        whole = words.endings.probability(spoken)
        if lacks_verb(core, words.endings.lexicon):
            return True
    ending = next((word for word in words.unfinished if core.endswith(word)), "")
    if len(ending) > 1 or core.endswith(_COPULAS) or _breaks_off(core):
        return True
    return whole < _WHOLE_ABOVE if ending else whole < _OPEN_BELOW


def _holds_us(said: str, words: VoiceWords) -> bool:
    if len(said) > _WAIT_CHARS or _LONGER.search(said):
        return False
    if said in words.wait or any(len(phrase) > 1 and phrase in said for phrase in words.wait):
        return True
    return _HOLDING.search(said) is not None


def _is_half(said: str) -> bool:
    opening = _HALF.search(said)
    return opening is not None and not _OTHER_HALF.search(said, opening.end())


def _breaks_off(said: str) -> bool:
    """Whether a number stops before its end: part of a telephone number, a lone numeral."""
    found = _NUMBER.search(said)
    if found is None or _AMOUNT.search(said):
        return False
    return len(found.group()) < _PHONE_DIGITS
