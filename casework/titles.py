"""Chinese names of casework's codes, as docs/glossary.md has them."""

from __future__ import annotations

from casework.permission import Rule

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
