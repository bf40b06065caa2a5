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
        r"^(?:是|对|系|啱|好|行(?!业)|可以|得|有|嗯|愿意|同意|想|要|需要|方便|确认|正确|ok|yes|当然|肯定|继续|都啱|都对|"
        r"你说|你讲|说吧|讲|请说|请讲|无错|我愿意|我想|我同意|我有|我要|参加|没关系|确实|就是)"
    ),
    re.IGNORECASE,
)
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
    if _YES_FIRST.match(text):
        return True, 0.95
    if _NO.match(text):
        return False, 0.95
    yes = _YES.match(text)
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
