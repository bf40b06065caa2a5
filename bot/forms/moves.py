"""What may be said at every step: stop, wrong number, a person, again, who are you, anger."""

from __future__ import annotations

import re

from bot.forms.types import PHONE, Heard

_PATTERNS = (
    (
        "deceased",
        r"过世|去世|离世|逝世|病故|过身|过咗身|不在人?世|(?:他|她|佢|人|老人|本人).{0,4}(?:不在了|没了|冇咗|唔喺度喇|死了|死咗)",
    ),
    (
        "crisis",
        (
            r"(?:我|都|真是?|好)?(?:想|要|去|不如)(?:去)?(?:死(?!心|磕|记)|自杀|跳楼|跳江|轻生)|不想活|唔想活|活不下去|活唔落|唔想做人|"
            r"不如死|死咗算|死了算|没有?活下去|冇得活"
        ),
    ),
    (
        "distress",
        r"难受|没人要|冇人(?:请|要)|走投无路|撑不(?:住|下去)|捱唔(?:住|落)|好惨|心慌|绝望|崩溃|睡不着|瞓唔着|看不到希望|睇唔到希望|活着(?:没|冇)意思|做人(?:没|冇)意思",
    ),
    (
        "opt_out",
        (
            r"(?:不用|唔使)(?:再)?打(?:来|嚟|过来|给我|俾我|电话)?(?:了|啦|喇)|(?:不要|别|唔好|唔使|勿|不许|不准|停止).{0,3}(?:再|来|成日|继续).{0,2}(?:打|联系|骚扰|拨|揾我|找我)|"
            r"(?:以后|永远).{0,4}(?:别|不要|唔好|不用).{0,3}(?:打|联系|揾)|不要骚扰|别骚扰|别打了|唔好打(?:嚟|来|俾)|"
            r"不要打(?:来|电话|了)|别(?:给我)?打(?:电话|来)|删(?:除|掉|了)?.{0,4}(?:号码|电话)|拉黑|^(?:td|退订)$|"
            r"再打.{0,4}(?:投诉|举报|报警)"
        ),
    ),
    ("wrong_number", r"打错|搞错人|找错人|揾错人|错咗电话|号码错了|拨错|没有?这个人|冇呢个人"),
    (
        "human",
        r"(?:转|找|要|接|揾|叫|换|跟|同).{0,4}(?:人工|真人|客服|工作人员|职员)|让.{0,4}(?:真人|人工|工作人员)|^人工|真人服务|人工服务|(?:唔想|不想)(?:同|跟|和)机器",
    ),
    (
        "repeat",
        (
            r"再(?:说|讲)(?:一|多)?(?:遍|次|下)|讲多次|讲多一次|重复|没听清|听不清|听唔清|没听到|没听见|咩话|(?:说|讲)慢|"
            r"慢点(?:说|讲)?$|大声|什么意思|咩意思|^什么[?？]?$|^啊[?？]$|没听明白|再讲[啊吧]?$"
        ),
    ),
    (
        "who",
        (
            r"(?:你|您|你们|你哋)(?:是|系)(?:谁|哪|边|边个|边位|什么单位|咩机构)|边个啊|边位|哪里打来|边度打|(?<!没)(?<!没有)(?<!冇)(?:什么|咩|乜|"
            r"啥)事(?:情|啊|呀)?[?？]?$|骗子|诈骗|呃人|哪个单位|找谁|(?:会不会|会唔会|要不要|使唔使|收不收|收唔收|是不是要).{0,3}(?:收费|收钱|要钱|钱)|揾边个|哪位|怎么(?:有|知道)我(?:的)?(?:电话|号码)"
        ),
    ),
    ("bot", r"机器人|你是真人|系咪真人|是不是真人|人工智能|是AI|是ai|系录音|是录音|自动语音"),
    ("privacy", r"泄露|信息安全|隐私|(?:信息|资料|个人).{0,6}(?:卖|安全|给别人|俾人)"),
    (
        "present",
        r"^(?:喂|我?(?:还|仲)?(?:在|喺度)|听得?到|听到|我听到)[啊呀的呢嘅,，。 ]*(?:你说|你讲)?[?？]?$",
    ),
    (
        "anger",
        r"屁|你.{0,2}有病|有病吧|烦死|好烦|烦唔烦|烦不烦|有完没完|有病啊|神经病|黐线|痴线|^滚|滚蛋|收皮|扑街|垃圾|废柴|妈的|浪费我时间|嘥我时间|我要投诉|气死",
    ),
)
_COMPILED = tuple((move, re.compile(pattern)) for move, pattern in _PATTERNS)
_NOT_NOW = re.compile(
    r"(?:没空|没时间|冇时间|唔得闲|不得闲|冇得闲|忙|开车|揸车|揸紧车|开会|开紧会|不方便|唔方便|赶时间|食紧饭).{0,8}|(?:等下|"
    r"等阵|迟啲|晚点|改天|听日|明天|过一会|下班).{0,6}(?:再|先|打)"
)
_CAN_TALK = re.compile(r"(?:^|[^不唔没冇太])(?:方便|得闲|有空)(?:[啊呀的嘅啦吧了,，。]|$)")
_CANCEL = re.compile(
    r"^(?:取消|算了|算啦|退出|不填了|唔填|停止|停$|放弃|中止)|取消登记|不登记了|不想填|别填了|不弄了|唔搞啦"
)
_BY_INTENT = {
    "opt_out": "opt_out",
    "wrong_number": "wrong_number",
    "human": "human",
    "repeat": "repeat",
    "who_is_this": "who",
    "bot_challenge": "bot",
    "anger": "anger",
}
_QUESTION = re.compile(
    r"[?？]|吗|嘛$|么$|怎么|怎样|点样|点申请|点办|几多|多少|几时|几耐|多久|什么时候|边度|哪里|哪儿|有没有|有冇|可唔可以|能不能|可不可以|得唔得|系咪|是不是|"
    r"什么(?:条件|材料|补贴|政策|流程|手续)|咩(?:条件|补贴|资料)|点解|为什么"
)
_POLICY_WORDS = re.compile(
    r"补贴|失业金|失业保险|社保|政策|登记|申请|领取|条件|材料|资料|贷款|培训|工伤|合同|赔偿|补偿|最低工资|公益|援助|退休|产假|医保|公积金"
)


def move_of(heard: Heard, question: str) -> str:
    """Return the move that an utterance makes whatever is being asked, ``""`` when none."""
    text = heard.text
    for move, pattern in _COMPILED:
        if pattern.search(text) and _allowed(move, heard, question):
            return move
    if heard.channel == PHONE and question not in ("callback_time", "contact_consent", "summary_confirmed"):
        if question == "training_wish" and re.search(r"学|读|培训", text):
            return ""  # no time to learn is an answer, not a farewell
        if _NOT_NOW.search(text) or (heard.sure("not_now", 0.7) and not _CAN_TALK.search(text)):
            return "not_now"
    elif heard.channel != PHONE and (_CANCEL.search(text) or heard.sure("cancel", 0.7)):
        return "cancel"
    return ""


def guessed_move(heard: Heard, question: str) -> str:
    """Return the move that the classifier alone suggests, for words that answer nothing."""
    move = _BY_INTENT.get(heard.intent, "")
    return move if move and heard.confidence >= 0.6 and _allowed(move, heard, question) else ""


def is_policy_question(heard: Heard) -> bool:
    """Say whether an utterance asks something instead of answering."""
    if heard.sure("ask_policy", 0.4) and _POLICY_WORDS.search(heard.text):
        return True
    if not _QUESTION.search(heard.text):
        return False
    return heard.sure("ask_policy", 0.25) or bool(_POLICY_WORDS.search(heard.text))


def _allowed(move: str, heard: Heard, question: str) -> bool:
    if move == "opt_out" and question == "contact_consent":
        return bool(re.search(r"再|以后|投诉|骚扰|删", heard.text))
    if move == "deceased":
        # Where they speak of the callee; elsewhere of somebody they lost, which is a hardship.
        return heard.channel == PHONE and question in ("identity", "callback_time")
    if move == "wrong_number":
        # 搞错了 in mid-talk corrects an answer; a wrong number shows at the start.
        return heard.channel == PHONE and question in (
            "identity",
            "convenient",
            "callback_time",
            "employment_status",
        )
    if move == "present":
        return heard.channel == PHONE
    if move == "who":
        return heard.channel == PHONE or "骗" in heard.text or "谁" in heard.text
    return True
