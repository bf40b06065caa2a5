"""Is a question about what was just talked about? Pure: it and the last entry's own words decide."""

from __future__ import annotations

import re

# Words that ask without saying what about, in the spelling that ``normalise`` produces.
_EMPTY = re.compile(
    r"请问|那么|那|这么|每个月|一个月|每月|每年|这个|这种|这笔|这项|它|我|你们|你|要不要|需不需要|需要|可以|能不能|能|要|是不是|是|有没有|有|都|还"
    r"|带什么|带哪些|什么|啥|哪些|提交|交|材料|证件|资料|条件|资格|流程|步骤|手续|怎么|如何|办理|申请|办|领取|领|拿|去|到|在|哪里|哪儿|哪"
    r"|多久|多长时间|多少|几天|几个月|几年|时间|时候|期限|截止|最晚|最迟|之内|以内|内报|内|钱|元|金额|标准|依据|文件|政策|规定|具体|详细|一点|一下"
    r"|符合|报名|开始|谁|人|找|给|发|到账|的|了|吗|呢|啊|呀|吧|嘛|就|才|会|再|说|讲|介绍|准备|准|网上|线上|线下|窗口|地方|地址|收费"
)
# How long and how much may be another entry's subject (失业金怎么领 … 能领多久); papers and ways are not.
_MEASURES = re.compile(r"多久|多长|多少|几|时间|时候|期限|金额|标准")
# Whom or how much a follow-up asks about, without changing the subject: 那我老公呢, 最多给几年.
_TURNS = re.compile(
    r"老公|老婆|先生|太太|爸爸|妈妈|阿妈|阿爸|父亲|母亲|儿子|女儿|仔女|小孩|朋友|家里人|家人|屋企人|姐姐|妹妹|哥哥|弟弟|他们|她|他"
    r"|男的|女的|最多|最少|至少|先|批|次|年|月|日|天|块|到手"
)
_ADDS = re.compile(r"^(?:那|如果|要是|假如)|呢$")
_LONGEST = 16
_OWN_SHARE = 0.5  # of what a follow-up names, at least so much stands in the last entry


def names_nothing(query: str) -> bool:
    """Whether the normalised ``query`` names no subject of its own: 要带什么材料, 那多久到账."""
    return len(query) <= _LONGEST and not _EMPTY.sub("", query).replace(" ", "")


def stays(query: str) -> bool:
    """Whether the normalised ``query`` names nothing and asks for a side that every entry has: 怎么申请."""
    return names_nothing(query) and not _MEASURES.search(query)


def adds_to_last(query: str) -> bool:
    """Whether the normalised ``query`` varies the last question: 那外地户口呢, 要是没签合同呢."""
    return len(query) <= _LONGEST and bool(_ADDS.search(query))


def leans_on(query: str, words: str) -> bool:
    """Whether all that the normalised ``query`` names stands in ``words``, the last entry's own: 利息多少."""
    packed = query.replace(" ", "")
    if len(packed) > _LONGEST:
        return False
    named = _TURNS.sub("", _EMPTY.sub("", packed))
    pairs = [named[place : place + 2] for place in range(len(named) - 1)] or [named]
    return sum(pair in words for pair in pairs) >= _OWN_SHARE * len(pairs)
