"""Who is on the line, what they do, what weighs on them: answers read by their words."""

from __future__ import annotations

import re

from bot.chinese.pinyin import closest
from bot.forms.types import Heard, Update
from bot.forms.yesno import yes_no

_SELF = re.compile(
    r"本人|我就是|我就系|是我(?!妈|爸|老|儿|女|哥|姐|弟|妹|朋|家|同)|系我(?!阿|老|个|朋|屋)|我系啊?$|我是[啊呀的]?$|正是"
)
_NOT_SELF = re.compile(r"(?:不是|唔系|唔是|并非)(?:本人|我)")
_RELATIVE = re.compile(
    r"妈妈?|爸爸?|老公|老婆|丈夫|妻子|儿子|女儿|个仔|个女|家人|家属|屋企人|亲戚|哥哥|姐姐|家姐|弟弟|妹妹|朋友|同事|室友|邻居|不在(?!上班|工作)|唔喺度|唔响度|"
    r"出去了|出咗去|没带手机|代接|帮他接|帮她接|帮佢听|转告"
)
_WRONG = re.compile(
    r"打错|打措|搞错|找错|揾错|拨错|号码错|没有?这个人|冇呢个人|不认识|唔识佢|没这人|不叫这个|唔系叫"
)
_SELF_SOUNDS = {
    "本人": "self",
    "是本人": "self",
    "我就是": "self",
    "是我": "self",
    "就是我": "self",
    "我是": "self",
}

# In order: a word further down is only looked for when none above matched.
_STATUS = (
    ("retired", r"退休|退咗休|养老金|内退"),
    ("studying", r"读书|上学|学生|在读|读紧|考研|返学|没毕业|未毕业|留学|升学"),
    (
        "unable",
        r"(?:(?<!能)不能|没法|做不了|无法|没办法|冇办法|做唔到|干不了)(?:工作|做工|上班|返工|做嘢|工|嘢|活)?|丧失劳动|没有?劳动能力|身体(?:不好|唔得|差|不行)",
    ),
    (
        "not_looking",
        (
            r"(?:不想|唔想|不打算|唔打算|没打算|冇打算|没想|暂时不|暂时唔|不考虑|不)(?:再|去|过)?(?:找|揾|上班|返工|工作|做嘢|就业)|"
            r"家庭主妇|全职妈妈|全职太太|没有就业意愿|在家带"
        ),
    ),
    (
        "flexible",
        r"零工|散工|灵活就业|自由职业|送外卖|跑外卖|骑手|滴滴|网约车|兼职|日结|临时工|临工|钟点|接私活",
    ),
    (
        "unemployed",
        (
            r"失业|失咗业|(?:没有?|冇|无)(?:再)?(?:找到|揾到)?(?:工作|工做|返工|嘢做|上班|工$|事做|活干)|找工作|揾工|揾紧工|"
            r"揾份工|找紧|待业|下岗|(?:没|未|仲未)(?:找到|揾到)|被裁|炒了|炒咗|无业"
        ),
    ),
    (
        "self_employed",
        r"做生意|小生意|开.{0,4}(?:店|铺|公司|档|餐馆|士多)|老板|个体|创业|创咗业|摆摊|摆档|自雇|自己做",
    ),
    (
        "employed",
        r"上班|返工|返紧工|有工作|有份工|(?:找到|揾到)(?:份)?工|入职|在职|打工|打紧工|做紧|单位|公司|就业了|工厂|厂里|在做|已经工作|工作了|签了?合同",
    ),
)
_STATUS_PATTERNS = tuple((status, re.compile(pattern)) for status, pattern in _STATUS)
_STATUS_SOUNDS = {
    "失业": "unemployed",
    "没工作": "unemployed",
    "没有工作": "unemployed",
    "在找工作": "unemployed",
    "待业": "unemployed",
    "在上班": "employed",
    "有工作": "employed",
    "退休": "retired",
    "退休了": "retired",
    "打零工": "flexible",
    "灵活就业": "flexible",
    "做生意": "self_employed",
    "在读书": "studying",
    "不想找": "not_looking",
}

_HARDSHIP = (
    ("disability", r"残疾|伤残|残障"),
    (
        "low_income",
        r"低保|低收入|没钱|冇钱|没有?收入|冇收入|冇钱开饭|经济(?:困难|压力)|生活(?:很|好)?困难|屋企有困难|家里(?:很|有)?困难|穷",
    ),
    (
        "illness",
        r"生病|(?<!你)有病(?![啊吧呀吗嘛])|重病|慢性病|癌|吃药|食药|住院|化疗|透析|中风|身体(?:不好|差|唔好)",
    ),
    ("single_parent", r"单亲|(?:一个人|自己)(?:带|凑)|离婚带"),
    ("caring", r"照顾.{0,6}(?:老人|父母|妈|爸|母亲|父亲|家人|小孩|孩子|病人)|瘫痪|睇住老人"),
    (
        "long_unemployed",
        (
            r"失业.{0,4}年|长期失业|(?:很久|好耐|一年|两年|半年).{0,4}(?:没|冇)(?:有)?(?:工作|返工|上班)|(?:没|"
            r"冇)(?:工作|返工|工做|工|嘢做)(?:了|咗)?(?:好耐|很久|一年|两年|好几年)"
        ),
    ),
    ("debt", r"欠债|欠(?:了|咗).{0,4}(?:钱|债)|网贷|还不起|交不起|负债|房租都"),
)
_HARDSHIP_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _HARDSHIP)
_NEGATED = re.compile(r"(?:没有?|冇|唔系|不是|无)[^,，。]{0,2}$")


def identity(heard: Heard) -> Update | None:
    """Read who is speaking: ``self``, ``relative``, ``wrong`` or ``no`` (to be asked further)."""
    text = heard.text
    if _WRONG.search(text) or heard.sure("wrong_number"):
        return Update("identity", "wrong", text, 0.95)
    if _RELATIVE.search(text) or heard.sure("relative"):
        return Update("identity", "relative", text, 0.9)
    if _NOT_SELF.search(text):
        return Update("identity", "no", text, 0.9)
    if _SELF.search(text) or heard.sure("self"):
        return Update("identity", "self", text, 0.95)
    named = _named(text, heard.callee)
    if named:
        return Update("identity", "self", text, named)
    likeness = closest(text, _SELF_SOUNDS) if len(text) <= 5 else None
    if likeness and len(likeness.candidate) >= 2:
        return Update("identity", "self", text, round(0.9 - likeness.cost, 2))
    answer = yes_no(heard)
    if answer is None:
        return None
    return Update("identity", "self" if answer[0] else "no", text, answer[1])


def stated_identity(text: str) -> str:
    """Return ``relative`` or ``self`` where the words themselves say so, else ``""``."""
    if _RELATIVE.search(text):
        return "relative"
    return "self" if _SELF.search(text) and not _NOT_SELF.search(text) else ""


def _named(text: str, callee: str) -> float:
    """Return how surely somebody says that they are ``callee`` (0: not at all)."""
    start = re.search(r"我(?:就)?(?:是|系|叫)", text)
    if not callee or start is None or re.search(r"(?:不|唔)(?:是|系|叫)", text):
        return 0.0
    rest = text[start.end() :]
    if callee in rest or (len(callee) > 2 and callee[1:] in rest):
        return 0.95
    likeness = closest(rest, [callee], max_cost=0.4)
    return round(0.85 - likeness.cost, 2) if likeness else 0.0


def employment_status(heard: Heard) -> Update | None:
    """Read one of the eight situations."""
    for status, pattern in _STATUS_PATTERNS:
        if pattern.search(heard.text):
            return Update("employment_status", status, heard.text, 0.9)
    if heard.intent.startswith("status_") and heard.confidence >= 0.4:
        sure = round(min(0.9, heard.confidence), 2)
        return Update("employment_status", heard.intent.removeprefix("status_"), heard.text, sure)
    likeness = closest(heard.text, _STATUS_SOUNDS)
    if likeness:
        sure = round(0.7 - likeness.cost, 2)
        return Update("employment_status", _STATUS_SOUNDS[likeness.candidate], heard.text, sure)
    answer = yes_no(heard)
    if answer is None or len(heard.text) > 4:
        return None
    # 嗯 to 上班、打零工，还是找工作 chooses nothing; to the shorter 有工作吗 it does.
    if answer[0] and not heard.retry and "有" not in heard.text:
        return None
    return Update("employment_status", "employed" if answer[0] else "unemployed", heard.text, 0.6)


def hardship_signals(text: str) -> list[str]:
    """Return the kinds of hardship that ``text`` states and does not deny."""
    kinds = []
    for kind, pattern in _HARDSHIP_PATTERNS:
        match = pattern.search(text)
        if match and not _NEGATED.search(text[: match.start()]):
            kinds.append(kind)
    return kinds


def hardship(heard: Heard) -> Update | None:
    """Read an answer to the question about difficulties; an empty list means none."""
    kinds = hardship_signals(heard.text)
    if kinds:
        return Update("hardship", kinds, heard.text, 0.9)
    answer = None if re.search(r"想学|想做|想找|想去", heard.text) else yes_no(heard)
    # 没困难 sounds like hardship to the classifier; its first word decides.
    if answer is None or (answer[0] and heard.sure("hardship")):
        return Update("hardship", ["other"], heard.text, 0.7) if heard.sure("hardship") else None
    return Update("hardship", ["other"] if answer[0] else [], heard.text, answer[1])
