"""One spelling for what people type: simplified, half-width, Mandarin question words.

The replacements only serve matching; nobody sees the normalised text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

MAX_CHARS = 200  # a question is shorter; what comes after would only drown it

# Longest first, so that 有冇 is not taken for 冇.
_CANTONESE = (
    ("可唔可以", "可以吗"), ("使唔使", "要不要"), ("系唔系", "是不是"), ("得唔得", "可以吗"), ("啱唔啱", "对吗"),
    ("有冇得", "可以吗"), ("冇工开", "没工作"), ("冇工做", "没工作"), ("冇嘢做", "没工作"), ("打份工", "上班"),
    ("劈炮唔捞", "辞职"), ("劈炮唔撈", "辞职"), ("有冇", "有没有"), ("系咪", "是不是"), ("会唔会", "会不会"),
    ("唔使", "不用"), ("唔记得", "忘记"), ("唔得", "不行"), ("点样", "怎么"), ("点解", "为什么"), ("点算", "怎么办"),
    ("点办", "怎么办"), ("点处理", "怎么处理"), ("点搞", "怎么办"), ("点计", "怎么算"), ("点申请", "怎么申请"),
    ("点攞", "怎么领"), ("点拎", "怎么领"), ("点领", "怎么领"), ("点追", "怎么追"), ("点投诉", "怎么投诉"),
    ("点交", "怎么交"), ("点去", "怎么去"), ("点可以", "怎么可以"), ("几多", "多少"), ("几时", "什么时候"),
    ("几耐", "多久"), ("边度", "哪里"), ("边处", "哪里"), ("边个", "谁"), ("边啲", "哪些"), ("返工", "上班"),
    ("放工", "下班"), ("搵工", "找工作"), ("揾工", "找工作"), ("转工", "换工作"), ("做嘢", "工作"), ("出粮", "发工资"),
    ("拖粮", "拖欠工资"), ("粮期", "工资发放"), ("老细", "老板"), ("事头", "老板"), ("劈炮", "辞职"), ("屋企人", "家人"),
    ("屋企", "家里"), ("而家", "现在"), ("依家", "现在"), ("啱啱", "刚刚"), ("头先", "刚才"), ("帮手", "帮忙"),
    ("畀人炒", "被辞退"), ("炒鱿", "辞退"), ("整亲", "受伤"), ("撞亲", "撞伤"), ("跌亲", "摔伤"), ("大肚", "怀孕"),
    ("生仔", "生孩子"), ("生bb", "生孩子"), ("细路", "孩子"), ("细蚊仔", "孩子"), ("后生仔", "青年"), ("铺头", "店铺"),
    ("档口", "店铺"), ("开铺", "开店"), ("开档", "开店"), ("过身", "去世"), ("呢个", "这个"), ("呢份", "这份"),
    ("呢啲", "这些"), ("嗰个", "那个"), ("嗰啲", "那些"), ("咩嘢", "什么"), ("乜嘢", "什么"), ("同埋", "和"),
    ("供社保", "交社保"), ("供养老", "交养老"), ("供医保", "交医保"), ("供失业", "交失业"), ("供咗", "交了"), ("供够", "交满"),
    ("最平", "最低"), ("合约", "合同"), ("公司执笠", "公司倒闭"), ("执笠", "倒闭"), ("银纸", "钱"), ("车飞", "车票"),
    ("人工几", "工资几"), ("倍人工", "倍工资"), ("攞", "领"), ("搵", "找"), ("揾", "找"), ("冇", "没有"), ("唔", "不"),
    ("畀", "给"), ("俾", "给"), ("喺", "在"), ("嘅", "的"), ("咗", "了"), ("仲", "还"), ("嚟", "来"), ("佢哋", "他们"),
    ("佢", "他"), ("哋", "们"), ("啱", "刚"), ("咩", "什么"), ("乜", "什么"), ("啲", "些"), ("咁", "这么"), ("嘢", "东西"),
    ("蚊", "元"), ("紧嘅", "着的"), ("㗎", "吗"), ("喇", ""), ("咯", ""), ("喎", ""), ("啫", ""), ("啩", ""), ("囖", ""),
)  # fmt: skip
_TABLE = dict(_CANTONESE)
_PATTERN = re.compile("|".join(re.escape(key) for key in sorted(_TABLE, key=len, reverse=True)))
_TAG = re.compile(r"<[^<>]{0,200}>")
_KEEP = re.compile(r"[0-9a-z一-鿿㐀-䶿]+")


def normalise(text: str) -> str:
    """Only Chinese characters, Latin letters and digits, in one spelling; at most ``MAX_CHARS``."""
    plain = unicodedata.normalize("NFKC", _TAG.sub(" ", text[: MAX_CHARS * 5])).lower()
    # OpenCC first: it also maps 點樣 and 幾多 to the characters that the table uses.
    simplified = str(_converter().convert(plain))
    mandarin = _PATTERN.sub(lambda match: _TABLE[match.group()], simplified)
    return " ".join(_KEEP.findall(mandarin))[:MAX_CHARS].strip()


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")
