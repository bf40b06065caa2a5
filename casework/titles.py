"""Chinese names of casework's codes, as docs/glossary.md has them."""

from __future__ import annotations

from casework.cases.types import EventKind
from casework.permission import Rule
from core.types import FeedbackOutcome

RULES: dict[Rule, str] = {
    Rule.ALLOWED: "允许",
    Rule.REHEARSAL: "演练",
    Rule.DO_NOT_CALL: "免打扰",
    Rule.CAMPAIGN_OVER: "任务已到期",
    Rule.CAMPAIGN_STOPPED: "任务已停止",
    Rule.QUIET_HOURS: "静默时段",
    Rule.HOLIDAY: "法定节假日",
    Rule.OUT_OF_HOURS: "不在呼叫时段",
    Rule.IN_CONTACT: "正在通话",
    Rule.BUDGET_DAY: "超过每日次数",
    Rule.BUDGET_WEEK: "超过每周次数",
    Rule.BUDGET_MONTH: "超过每月次数",
}

LISTS = {"spoken": "电话中口头提出", "typed": "聊天中提出", "staff": "工作人员登记"}

OUTCOMES: dict[str, str] = {
    FeedbackOutcome.REVIEWED: "已查看",
    FeedbackOutcome.CONTACTED: "已联系",
    FeedbackOutcome.OFFERED: "已提供岗位或培训",
    FeedbackOutcome.PLACED: "已就业",
    FeedbackOutcome.REFUSED: "不需要帮助",
    FeedbackOutcome.NOT_FOUND: "联系不上",
    "erased": "资料已删除",
}

LEVELS = ("街道", "区", "市")

CASE_REASONS = {
    "crisis": "说到轻生",
    "hardship_signal": "有困难情形",
    "human_requested": "要求人工",
    "asked_human": "要求人工",
    "complaint": "有投诉",
    "training_wish": "想参加培训",
    "lost_work": "又失业了",
}

CASE_EVENTS: dict[EventKind, str] = {
    EventKind.OPENED: "立案",
    EventKind.SIGNAL: "又有信号",
    EventKind.FEEDBACK: "反馈",
    EventKind.ESCALATED: "逾期上报",
    EventKind.CLOSED: "结案",
}
