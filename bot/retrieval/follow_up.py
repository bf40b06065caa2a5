"""Is a question about what was just talked about? Only form is looked at, not conversation history."""

from __future__ import annotations

import re

# Words that ask without saying what about, in the spelling that ``normalise`` produces.
_EMPTY = re.compile(
    r"请问|那么|那|这个|这种|这笔|这项|它|我|你们|你|要不要|需不需要|需要|可以|能不能|能|要|是不是|是|有没有|有|都|还"
    r"|带什么|带哪些|什么|哪些|材料|证件|资料|条件|资格|流程|步骤|手续|怎么|如何|办理|申请|办|领取|领|拿|去|到|在|哪里|哪儿|哪"
    r"|多久|多长时间|多少|几天|几个月|几年|时间|时候|期限|截止|最晚|最迟|钱|元|金额|标准|依据|文件|政策|规定|具体|详细|一点|一下"
    r"|符合|谁|人|找|给|发|到账|的|了|吗|呢|啊|呀|吧|嘛|就|才|会|再|说|讲|介绍|准备|准|网上|线上|线下|窗口|地方|地址|收费"
)
_ADDS = re.compile(r"^(?:那|如果|要是|假如)|呢$")
_LONGEST = 16


def names_nothing(query: str) -> bool:
    """Whether the normalised ``query`` names no subject of its own: 要带什么材料, 那多久到账."""
    return len(query) <= _LONGEST and not _EMPTY.sub("", query).replace(" ", "")


def adds_to_last(query: str) -> bool:
    """Whether the normalised ``query`` varies the last question: 那外地户口呢, 要是没签合同呢."""
    return len(query) <= _LONGEST and bool(_ADDS.search(query))
