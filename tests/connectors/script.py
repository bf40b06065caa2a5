"""A small conversation that the tests of the chat door hold: enough kinds of answers, no understanding."""

from __future__ import annotations

from core.types import Answer, Button, ConversationState, FieldValue, Reply, Source, Turn, TurnEvent

SOURCE = Source(
    "flex_ss_subsidy",
    "灵活就业社会保险补贴",
    "粤人社规〔2026〕20号",
    "2026-06-17",
    "https://www.gz.gov.cn/zt/ljgaqngcwqwl/zccs/content/post_10903377.html",
)
GREETING = "您好，我是暖业，就业服务智能助手。\n您可以问我就业政策，也可以告诉我想找什么工作。"
QUESTIONS = ("灵活就业社保补贴怎么领？", "失业金怎么申请？", "我想找工作")
ANSWER = (
    "符合条件的灵活就业人员，可以按实际缴费额的三分之二领补贴，先缴后补。\n\n"
    "怎么办：\n1. 先办失业登记；\n2. 做就业困难人员认定，毕业生不用办；\n3. 办灵活就业登记并缴社保；\n"
    "4. 按季度或半年申领。"
)


def script(turn: Turn) -> Answer:
    """Greet, answer with a source, offer buttons, finish a job intention, echo the rest."""
    if turn.event is TurnEvent.SESSION_START:
        return Answer((Reply(GREETING, buttons=tuple(Button(text, text) for text in QUESTIONS)),))
    if "补贴" in turn.text:
        replies = (
            Reply(ANSWER, sources=(SOURCE,)),
            Reply(
                "还想了解哪一项？",
                buttons=(Button("需要哪些材料", "需要哪些材料？"), Button("找人工", "找人工")),
            ),
        )
        return Answer(replies, ConversationState(policy_ids=("flex_ss_subsidy",)))
    if "登记好了" in turn.text:
        fields = {"district": FieldValue("天河区", "天河", turn.message_id, 0.9)}
        return Answer((Reply("已经登记。"),), ConversationState(completed="job_intention", fields=fields))
    return Answer((Reply(f"收到：{turn.text}"),))
