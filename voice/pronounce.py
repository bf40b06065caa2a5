"""Chinese characters to syllables with tones, and syllables to the Baker corpus's phones.

Surnames are the reason for this module: 单, 仇, 解, 曾, 区 and others are read differently in a name
than in a word, and a call that opens with the wrong name is a bad call.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

# Surname readings that differ from the common one (《现代汉语词典》, 姓).
SURNAMES = {
    "单": "shan4", "仇": "qiu2", "解": "xie4", "曾": "zeng1", "区": "ou1", "冼": "xian3", "任": "ren2",
    "华": "hua4", "朴": "piao2", "盖": "ge3", "查": "zha1", "尹": "yin3", "缪": "miao4", "翟": "zhai2",
    "乐": "yue4", "覃": "qin2", "洗": "xian3", "车": "che1", "召": "shao4", "纪": "ji3", "折": "she2",
    "逄": "pang2", "佴": "nai4", "員": "yun4", "员": "yun4", "那": "na1", "宁": "ning4", "哈": "ha3",
}  # fmt: skip
# Words that begin with one of these characters and are no names.
_NOT_NAMES = re.compile(
    r"单(?:位|独|身|亲|子|据|纯|价)|解(?:决|释|除|答|放|雇|聘|约)|曾(?:经|任)|区(?:域|里|别|内|外|政府|人社)|任(?:何|职|务|意|期)"
    r"|华(?:侨|南|人)|查(?:询|一|到|看|验|找)|乐(?:意|观|于)|车(?:间|站|费|辆|库|票|子)|纪(?:律|录|念|委)|折(?:扣|叠|合)"
    r"|那(?:个|么|些|边|里|样|时|就|您|我|好|请|是)|员工|宁(?:可|愿)|哈哈|召(?:开|集)|盖(?:章|房|楼)|仇恨"
)
_NAME = re.compile(
    r"(?:(?<=是)|(?<=叫)|(?<=姓)|(?<=找)|(?<=请问)|(?<=您好)|(?<=和)|^)"
    rf"([{''.join(SURNAMES)}])(?=[\u4e00-\u9fff]{{1,2}}(?:先生|女士|小姐|同志|本人|师傅|老师|阿姨|叔|吗|的电话|您|$)"
    r"|(?:先生|女士|小姐|老师|师傅|阿姨|叔))"
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_RETROFLEX = ("zh", "ch", "sh", "r")
_INITIALS = ("zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "r", "z",
             "c", "s")  # fmt: skip
_ZERO = {"yu": "v", "yue": "ve", "yuan": "van", "yun": "vn", "yi": "i", "yin": "in", "ying": "ing",
         "you": "iou", "yo": "iou", "yong": "iong", "wu": "u", "wei": "uei", "wen": "uen", "weng": "ueng",
         "wong": "ueng"}  # fmt: skip


@lru_cache(maxsize=1)
def _parser() -> Any:
    from pypinyin.contrib.neutral_tone import NeutralToneWith5Mixin
    from pypinyin.contrib.tone_sandhi import ToneSandhiMixin
    from pypinyin.converter import DefaultConverter
    from pypinyin.core import Pinyin

    class Converter(NeutralToneWith5Mixin, ToneSandhiMixin, DefaultConverter):
        """Tones as they are heard, not as they are written."""

    return Pinyin(Converter())


def syllables(text: str) -> list[str]:
    """Return one toned syllable (``ni2``, ``hao3``, ``de5``) per Chinese character of ``text``."""
    from pypinyin import Style

    han = "".join(_HAN.findall(text))
    if not han:
        return []
    read = [item[0] for item in _parser().pinyin(han, style=Style.TONE3, errors="ignore", v_to_u=False)]
    for match in _NAME.finditer(han):
        if not _NOT_NAMES.match(han, match.start()):
            read[match.start()] = SURNAMES[match.group(1)]
    return read


def phones(syllable: str) -> tuple[str, str]:
    """Split ``zhuang1`` into the Baker corpus's pair ``("zh", "uang1")``.

    Raises:
        ValueError: not a toned Mandarin syllable.
    """
    match = re.fullmatch(r"([a-zü]+)([1-5])", syllable)
    if match is None:
        raise ValueError(f"not a syllable with a tone: {syllable}")
    body, tone = match.group(1).replace("ü", "v"), match.group(2)
    if body in {"n", "ng", "m", "hm"}:
        return "^", "en" + tone
    initial = next((item for item in _INITIALS if body.startswith(item)), "")
    if not initial:
        return "^", _zero_final(body) + tone
    return initial, _final(initial, body[len(initial) :]) + tone


def _zero_final(body: str) -> str:
    if body in _ZERO:
        return _ZERO[body]
    if body.startswith("y"):
        return "i" + body[1:]
    return "u" + body[1:] if body.startswith("w") else body


def _final(initial: str, final: str) -> str:
    if final == "i":
        return "iii" if initial in _RETROFLEX else "ii" if initial in {"z", "c", "s"} else "i"
    if initial in {"j", "q", "x"} and final.startswith("u"):
        final = "v" + final[1:]
    if initial in {"l", "n"} and final == "ue":
        return "ve"
    return {"iu": "iou", "ui": "uei", "un": "uen"}.get(final, final)
