"""Which side of a policy a question is about, and what the entry says about it."""

from __future__ import annotations

import re

from bot.knowledge.dates import rewrite_dates
from bot.knowledge.entries import PolicyEntry
from bot.retrieval.normalise import normalise

FACETS = ("what", "amount", "eligibility", "how", "where", "materials", "when", "basis")

# Tried in this order: 带什么材料去哪里办 is about materials, 申请要符合什么条件 about eligibility.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("basis", r"依据|根据什么|哪份文件|什么文件|哪个文件|文号|哪条规定|哪部法|哪条法|法律规定在哪"),
    ("materials", r"材料|要带|带什么|带哪些|什么证件|哪些证件|什么证明|准备什么|准备哪些|资料要|什么资料"),
    (
        "eligibility",
        r"条件|资格|符合|什么人|哪些人|谁可以|谁能|谁算|算不算|适合谁|能申请吗|可以申请吗|能不能申请",
    ),
    ("where", r"哪里|在哪|去哪|哪个部门|什么部门|哪个窗口|什么地方|找谁|地址|网址|入口|线下|什么平台"),
    ("amount", r"多少|能拿|几元|几千|几百|金额|标准|待遇|给多|发多|几倍"),
    ("when", r"什么时候|多久|几天|几个月|几年|期限|截止|截至|到期|有效期|什么时间|时限|最晚|最迟|哪天|几号"),
    ("how", r"怎么|如何|流程|步骤|手续|申请方法|在网上|手机上|线上|办理"),
    ("what", r"是什么|什么意思|什么是|介绍|干什么|讲讲|说说"),
)
_COMPILED = tuple((facet, re.compile(pattern)) for facet, pattern in _PATTERNS)
_NOTHING = re.compile(r"^[—\-无 ]*$|^同上$|^见摘要$")


def detect_facet(text: str) -> str | None:
    """The facet that ``text`` asks for, or ``None``. Understands Cantonese and traditional spelling."""
    query = normalise(text)
    for facet, pattern in _COMPILED:
        if pattern.search(query):
            return facet
    return None


def opening_facet(question: str) -> str | None:
    """The facet to answer a first question with; ``None`` where the overview covers it anyway."""
    facet = detect_facet(question)
    return facet if facet in {"eligibility", "materials", "where", "when", "basis"} else None


def facet_items(entry: PolicyEntry, facet: str) -> tuple[str, ...]:
    """What the entry says about ``facet``, in the wording meant for citizens; may be empty."""
    listed = {
        "what": (entry.summary,),
        "amount": entry.amount,
        "eligibility": entry.eligibility,
        "how": entry.how_to_apply,
        "where": entry.how_to_apply,
        "materials": entry.materials,
        "when": (entry.deadline_or_period,),
        "basis": entry.basis,
    }
    shown = (entry.wording.shown(item) for item in listed[facet])
    return tuple(rewrite_dates(item) for item in shown if not _NOTHING.match(item))
