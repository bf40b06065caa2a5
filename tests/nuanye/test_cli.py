"""The command line: help for everything, one shape for every error, a quick start."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from nuanye import cli

_HAN = re.compile(r"[\u4e00-\u9fff]")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run one command line as `nuanye` does; return its status, stdout and stderr."""
    monkeypatch.setenv("NUANYE_DATA_DIR", str(tmp_path / "var"))

    def act(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nuanye", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        else:
            status = 0
        out, err = capsys.readouterr()
        return status, out, err

    return act


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            assert part is not None
            yield from _commands(part, (*path, name))
    else:
        yield " ".join(path), command


_ALL = dict(_commands(cli._root))


@pytest.mark.parametrize("name", sorted(_ALL))
def test_every_command_explains_itself_and_what_it_takes(run: Run, name: str) -> None:
    """`--help` works everywhere, in Chinese; every option and argument says what it is for."""
    command = _ALL[name]
    status, out, _ = run(*name.split(), "--help")

    assert status == 0
    assert _HAN.search(out)
    assert command.help
    silent = [item.name for item in command.params if not getattr(item, "help", None)]
    assert silent == []


def test_the_list_of_commands_is_complete(run: Run) -> None:
    """`nuanye --help` names every command with a line about it."""
    status, out, _ = run("--help")

    assert status == 0
    assert all(re.search(rf"^  {name} +\S.*[\u4e00-\u9fff]", out, re.MULTILINE) for name in cli._GROUPS)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("campaign", "start", "{tmp}/nowhere.csv"), "input.invalid", "cannot be read"),
        (("campaign", "start", "{tmp}/binary.csv"), "input.invalid", "neither UTF-8 nor GBK"),
        (("campaign", "start", "{tmp}/columns.csv"), "input.invalid", "no column"),
        (("campaign", "start", "{tmp}/rows.csv"), "input.invalid", "2 rows"),
        (("campaign", "show", "nothing"), "input.invalid", "no campaign"),
        (("campaign", "stop", "nothing"), "input.invalid", "no campaign"),
        (("results", "show", "nothing"), "input.invalid", "no result"),
        (("results", "tail", "-n", "1"), "queue.unavailable", "Redis"),
        (("staff", "password", "nobody"), "input.invalid", "no such account"),
        (("staff", "add", "new.one", "--role", "king"), "input.invalid", "role"),
        (("resident", "{tmp}/nowhere.yaml"), "input.invalid", "no such resident"),
        (("models", "fetch", "nothing"), "model.unusable", "no model is called"),
        (("ask", "x", "--channel", "fax"), "input.invalid", "--channel"),
        (("eval", "policy", "{tmp}/nowhere.jsonl"), "input.invalid", "cannot be read"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_errors_have_one_shape(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: str, says: str
) -> None:
    """What cannot be done ends with status 1, its code and its reason; nothing but that on stderr."""
    (tmp_path / "binary.csv").write_bytes(b"\x00\x01\xffbad")
    (tmp_path / "columns.csv").write_text("foo,bar\n1,2\n", encoding="utf-8")
    (tmp_path / "rows.csv").write_text("姓名,电话\n陈一,12345\n,13800131001\n", encoding="utf-8")
    status, out, err = run(*(item.format(tmp=tmp_path) for item in arguments))

    assert status == 1
    assert f"错误 [{code}]" in err
    assert says in err
    assert "Traceback" not in out + err
    assert "12345" not in err


def test_settings_that_cannot_be_read_are_named_together(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bad settings stand in one error with its code."""
    monkeypatch.setenv("NUANYE_CHAT_PORT", "many")
    monkeypatch.setenv("NUANYE_RECOGNIZER", "ears")
    status, _, err = run("staff", "list")

    assert status == 1
    assert "错误 [config.invalid]" in err
    assert "chat_port" in err
    assert "recognizer" in err


def test_a_taken_port_is_named_before_anything_starts(
    run: Run, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    """`nuanye up` says which port is taken and which setting moves it."""
    for name in ("DIALOGUE", "CONSOLE"):
        monkeypatch.setenv(f"NUANYE_{name}_PORT", str(free_port()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("NUANYE_CHAT_PORT", str(port))
        status, _, err = run("up")

    assert status == 1
    assert "错误 [" in err
    assert str(port) in err
    assert "NUANYE_CHAT_PORT" in err


def test_a_new_account_gets_a_one_time_password(run: Run) -> None:
    """The password is shown once; the list shows the account without it; a second one is refused."""
    status, out, _ = run("staff", "add", "li.hua")
    password = re.search(r"密码：(\S+)", out)

    assert status == 0
    assert password is not None
    assert "须改成自己的密码" in out
    assert password[1] not in run("staff", "list")[1]
    assert run("staff", "add", "li.hua")[0] == 1


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def test_help_is_quick() -> None:
    """`nuanye --help` takes less than half a second more than starting Python."""
    command = str(Path(sys.executable).with_name("nuanye"))
    waits = [_seconds(command, "--help") - _seconds(sys.executable, "-c", "pass") for _ in range(5)]

    assert min(waits) < 0.5


def test_help_loads_no_heavy_part() -> None:
    """What takes long to import is left to the commands that need it."""
    code = (
        "import sys; from nuanye import cli; cli._root.get_help(cli.click.Context(cli._root));"
        "print(*sorted({'rasa', 'tensorflow', 'numpy', 'sqlalchemy', 'aiohttp', 'redis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == ""
