"""Chinese names of codes that staff see, as docs/glossary.md has them."""

from __future__ import annotations

from core.types import Disposition

DISPOSITIONS: dict[Disposition, str] = {
    Disposition.COMPLETED: "完成回访",
    Disposition.PARTIAL: "部分完成",
    Disposition.CALLBACK: "约定改时间",
    Disposition.REFUSED: "暂不愿谈",
    Disposition.OPT_OUT: "要求不再致电",
    Disposition.WRONG_NUMBER: "打错号码",
    Disposition.DECEASED: "家人说已离世",
    Disposition.RELATIVE: "家人代接",
    Disposition.TRANSFERRED: "转人工",
    Disposition.HUNG_UP: "接通后挂断",
    Disposition.NO_SPEECH: "接通无人说话",
    Disposition.VOICEMAIL: "语音信箱",
    Disposition.NO_ANSWER: "无人接听",
    Disposition.BUSY: "占线",
    Disposition.REJECTED: "拒接",
    Disposition.POWERED_OFF: "关机",
    Disposition.SUSPENDED: "停机",
    Disposition.EMPTY_NUMBER: "空号",
    Disposition.UNREACHABLE: "无法接通",
    Disposition.MEDIA_FAILED: "语音不通",
    Disposition.INTERRUPTED: "系统中断",
    Disposition.FAILED: "技术故障",
}

KINDS: dict[str, str] = {"call": "电话回访", "job_intention": "求职意向", "correction": "更正"}
