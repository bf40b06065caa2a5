"""The `nuanye` command. Heavy parts are imported by the commands that need them."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import get_type_hints

import click
import typer
from typer.core import TyperArgument
from typer.models import ArgumentInfo

from core.errors import NuanyeError

# Group or command -> (module, attribute, help). Loaded on use, so that `nuanye --help` is quick.
_GROUPS = {
    "accesslog": ("nuanye.commands.accesslog", "app", "查阅日志 · who looked at what, as a chain"),
    "ask": ("nuanye.commands.ask", "ask", "回答一个政策问题 · answer one policy question"),
    "backup": ("nuanye.commands.backup", "app", "备份与恢复 · backups"),
    "call": ("nuanye.commands.call", "call", "呼叫一个 SIP 话机 · call a softphone"),
    "campaign": ("nuanye.commands.campaign", "app", "外呼任务 · call a list of people"),
    "cases": ("nuanye.commands.cases", "app", "帮扶个案 · who needs help, and what was done"),
    "contacts": ("nuanye.commands.contacts", "app", "联系次数与凭证 · the contact budget and its proof"),
    "db": ("nuanye.commands.db", "app", "数据库升级 · the database's schema"),
    "demo": ("nuanye.commands.demo", "demo", "演示并自检全流程 · one chat, one intention, one call"),
    "dnc": ("nuanye.commands.dnc", "app", "免打扰名单 · the do-not-call lists"),
    "doctor": ("nuanye.commands.doctor", "doctor", "检查本机环境 · check this machine"),
    "erase": ("nuanye.commands.erase", "erase", "删除一个人的全部内容 · erase a person"),
    "eval": ("nuanye.commands.eval", "app", "评测 · measure understanding"),
    "keys": ("nuanye.commands.keys", "app", "密钥轮换 · rotate the keys of what is sealed"),
    "knowledge": ("nuanye.commands.knowledge", "app", "政策知识库 · policy knowledge"),
    "models": ("nuanye.commands.models", "app", "语音模型 · speech models"),
    "register": ("nuanye.commands.register", "app", "失业登记名册 · the register of unemployed people"),
    "report": ("nuanye.commands.report", "app", "月报 · what a month came to"),
    "resident": ("nuanye.commands.resident", "resident", "模拟接听的居民 · synthetic residents"),
    "results": ("nuanye.commands.results", "app", "结果队列 · the results queue"),
    "retention": ("nuanye.commands.retention", "app", "保存期限 · how long things are kept"),
    "simulate": ("nuanye.commands.simulate", "simulate", "模拟一个月的外呼 · a month on virtual time"),
    "staff": ("nuanye.commands.staff", "app", "工作人员账号 · staff accounts"),
    "wecom": ("nuanye.commands.wecom", "app", "企业微信、微信客服 · WeCom and WeChat customer service"),
    "wechat": ("nuanye.commands.wechat", "app", "微信公众号 · the WeChat official account"),
    "up": ("nuanye.commands.up", "up", "启动全部服务 · start everything"),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _GROUPS:
            return None
        module, attribute, _ = _GROUPS[cmd_name]
        target = getattr(import_module(module), attribute)
        if isinstance(target, typer.Typer):
            return _explain_arguments(typer.main.get_command(target))
        single = typer.Typer(add_completion=False)
        single.command()(target)
        return _explain_arguments(typer.main.get_command(single))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _GROUPS[name][2]) for name in self.list_commands(ctx)])


def _explain_arguments(command: click.Command) -> click.Command:
    """Give arguments their help again: click 8.5 has its own and clears the one typer 0.19 has set."""
    if isinstance(command, click.Group):
        for part in command.commands.values():
            _explain_arguments(part)
    elif command.callback is not None:
        hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
        for parameter in command.params:
            for note in getattr(hints.get(parameter.name or ""), "__metadata__", ()):
                if isinstance(parameter, TyperArgument) and isinstance(note, ArgumentInfo):
                    parameter.help = note.help
    return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="暖业 Nuanye：公共就业服务助手 · assistant for public employment services",
)
@click.version_option(package_name="nuanye")
def _root() -> None:
    from core.logs import configure_logs

    configure_logs("warning", process="nuanye")  # on stderr: stdout belongs to what was asked for


def main() -> None:
    """Run the command line; an error of ours ends it with its message, its hint and status 1."""
    try:
        _root(standalone_mode=True)
    except NuanyeError as error:
        from core.process import print_error

        print_error(error)
        raise SystemExit(1) from None
