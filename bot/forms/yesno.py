"""Yes and no in Mandarin and Cantonese, also when a recogniser misheard them."""

from __future__ import annotations

import re

from bot.chinese.pinyin import closest
from bot.chinese.text import strip_fillers
from bot.forms.types import Heard

_SORRY = re.compile(r"^(?:不好意思|唔好意思|对不起|对唔住)")
_AFTER_YES = ("", *"的啊呀啦嘅了我你您嘛吧有在得呢噢哦喔空时好是对呗滴系")
_PUNCTUATION = re.compile(r"[\s,，.。!！~、;；]+")
# 没问题 and 唔错 begin like a refusal and mean yes, so they are looked for first.
_YES_FIRST = re.compile(
    r"^(?:没问题|没有问题|冇问题|没错|没有错|冇错|无错|无问题|不错|唔错|不介意|唔介意|无所谓|冇所谓|都可以|都得|有空|有时间)"
)
_NO = re.compile(
    r"^(?:不|没|冇|唔|别|否|错|无(?!错)|未|我不|我没|我冇|我唔|暂时不|暂时唔|暂时没|都没|都冇|从来没|免|算了|拒绝|并没|好像没|应该没|也没|还没|仲未)"
)
_YES = re.compile(
    (
        r"^(?:是的|是啊|是呀|对的|系啊|好的|好啊|行啊|得啊|可以|嗯|愿意|同意|需要|(?:现在|而家|依家)?(?:还|都|系)?(?:方便|得闲)|确认|正确|ok|yes|当然|肯定|继续|都啱|都对|"
        r"你说|你讲|说吧|讲|请说|请讲|无错|我愿意|我同意|参加|没关系|确实|就是|还是(?:这样|一样|原来|那样)|仲系|一样|照旧|不变|唔变|"
        r"想(?:参加|报名|试|学|去|要|的|啊|了解)|有(?:兴趣|啊|的|困难|需要|空|时间)|感兴趣|都可以)"
    ),
    re.IGNORECASE,
)
# One character can begin anything (想再去荔湾上班): it is a yes alone, before a pause, or before another yes.
_BARE_YES = re.compile(
    r"^(?:我|都|也|就)?(?:是|对|系|啱|好|行|得|有|想|要)(?:[的啊呀啦嘅了我你您嘛吧在得呢噢哦喔好是对呗滴系]|(?=[,，.。!！~、;；\s]))*"
)
_SHORT = 4  # characters up to which a bare yes needs nothing behind it
_PAUSE = re.compile(r"[,，.。!！~、;；\s]")
_UNCHANGED = re.compile(r"^(?:没有?|冇|无|唔|不)(?:任何|乜|咩|什么)?(?:变化?|改变|改过|改|变过)")
_HOMOPHONES = {
    "是的": True,
    "对的": True,
    "好的": True,
    "可以": True,
    "方便": True,
    "愿意": True,
    "同意": True,
    "想学": True,
    "不是": False,
    "没有": False,
    "不用": False,
    "不对": False,
    "不想": False,
    "不方便": False,
    "不可以": False,
    "不愿意": False,
    "不同意": False,
    "没兴趣": False,
    "唔系": False,
    "唔使": False,
}


def yes_no(heard: Heard) -> tuple[bool, float] | None:
    """Return the answer and how sure it is; ``None`` when it is neither."""
    text = _PUNCTUATION.sub("", strip_fillers(heard.text)) or _PUNCTUATION.sub("", heard.text)
    text = _SORRY.sub("", text)
    if not text:
        return None
    if _YES_FIRST.match(text) or _UNCHANGED.match(text):
        return True, 0.95
    if _NO.match(text):
        return False, 0.95
    yes = _YES.match(text) or _bare_yes(strip_fillers(heard.text), text)
    if yes:
        # 是等 is 是的 misheard: still a yes, but not as sure as a word that is one.
        odd = len(text) <= 3 and text[yes.end() : yes.end() + 1] not in _AFTER_YES
        return True, 0.75 if odd else 0.95
    if heard.sure("affirm", 0.7):
        return True, round(min(0.9, heard.confidence), 2)
    if heard.sure("deny", 0.7):
        return False, round(min(0.9, heard.confidence), 2)
    if len(text) <= 4:
        likeness = closest(text, _HOMOPHONES)
        if likeness and likeness.end - likeness.start >= len(text) - 1:
            return _HOMOPHONES[likeness.candidate], round(0.75 - likeness.cost, 2)
    return None


def _bare_yes(spoken: str, text: str) -> re.Match[str] | None:
    """Match a yes of one character that stands by itself; ``text`` is ``spoken`` without pauses."""
    found = _BARE_YES.match(text)
    if found is None or len(text) <= _SHORT:
        return found
    rest = text[found.end() :]
    first = _PAUSE.split(_SORRY.sub("", spoken).lstrip(" ,，"))[0]
    stands = not rest or len(first) <= _SHORT or _YES.match(rest)
    return found if stands else None
