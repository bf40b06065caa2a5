"""`nuanye staff`: who may log in to the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nuanye.accounts import new_password
from nuanye.commands._common import print_json, with_store

if TYPE_CHECKING:
    from casework.store import Store
    from casework.types import StaffMember

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="工作人员账号 · staff accounts of the console"
)

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
User = Annotated[
    str, typer.Argument(metavar="USER", help="用户名：小写字母、数字、点、横线 · the account's name")
]


@app.command()
def add(
    username: User,
    role: Annotated[str, typer.Option(help="staff 或 admin · staff or admin")] = "staff",
    as_json: AsJson = False,
) -> None:
    """新建账号；一次性密码只显示这一次，第一次登录时须修改。"""
    from casework.staff import hash_password

    password = new_password()

    async def work(store: Store) -> StaffMember:
        return await store.add_staff(username, hash_password(password), role, one_time=True)

    member = with_store(work)
    _show_password(member.username, password, as_json)


@app.command("password")
def set_password(username: User, as_json: AsJson = False) -> None:
    """换一个一次性密码，只显示这一次，登录后须修改；旧密码立即失效。"""
    from casework.staff import hash_password

    password = new_password()

    async def work(store: Store) -> None:
        await store.set_password(username, hash_password(password), one_time=True)

    with_store(work)
    _show_password(username.lower(), password, as_json)


@app.command()
def disable(username: User) -> None:
    """停用账号。"""
    _set_disabled(username, True)
    print(f"{username} 已停用")


@app.command()
def enable(username: User) -> None:
    """恢复账号。"""
    _set_disabled(username, False)
    print(f"{username} 已恢复")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出全部账号。"""

    async def work(store: Store) -> tuple[StaffMember, ...]:
        return await store.list_staff()

    members = with_store(work)
    if as_json:
        print_json(
            {
                "staff": [
                    {
                        "username": member.username,
                        "role": member.role,
                        "disabled": member.disabled,
                        "created_at": member.created_at,
                    }
                    for member in members
                ]
            }
        )
        return
    for member in members:
        print(f"{member.username:<20} {member.role:<6} {'已停用' if member.disabled else ''}")


def _set_disabled(username: str, disabled: bool) -> None:
    async def work(store: Store) -> None:
        await store.set_disabled(username, disabled)

    with_store(work)


def _show_password(username: str, password: str, as_json: bool) -> None:
    if as_json:
        print_json({"username": username, "password": password})
        return
    print(f"用户名：{username}\n密码：{password}\n（只显示这一次；第一次登录时须改成自己的密码）")
