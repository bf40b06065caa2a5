"""`nuanye doctor` on a healthy machine and with each fault it knows."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nuanye.commands import doctor
from nuanye.commands.doctor import Finding, examine

pytestmark = pytest.mark.net


@pytest.fixture
def environ(tmp_path: Path, free_port: Callable[[], int]) -> dict[str, str]:
    """An installation in the test's folder with this checkout's models and ports of its own."""
    own = {f"NUANYE_{name}_PORT": str(free_port()) for name in ("DIALOGUE", "CHAT", "CONSOLE")}
    return {**os.environ, **own, "NUANYE_DATA_DIR": str(tmp_path / "var")}


def _findings(environ: dict[str, str]) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(environ)}


def test_a_healthy_machine_has_no_complaint(environ: dict[str, str]) -> None:
    """After set-up everything is found; an embedded Redis that is not running yet is no fault."""
    findings = _findings(environ)

    assert [item for item in findings.values() if not item.ok] == []
    assert set(findings) >= {"Python", "设置", "磁盘", "Redis", "数据库", "对话模型", "语音模型", "网页前端"}
    assert len([name for name in findings if name.startswith("端口")]) == 3


def test_running_redis_is_seen(environ: dict[str, str], redis_url: str) -> None:
    """A Redis that answers is shown with its version."""
    finding = _findings({**environ, "NUANYE_REDIS_URL": redis_url})["Redis"]

    assert finding.ok
    assert "运行中" in finding.seen


def test_missing_redis_names_its_setting(environ: dict[str, str], free_port: Callable[[], int]) -> None:
    """A configured Redis that does not answer is a fault."""
    finding = _findings({**environ, "NUANYE_REDIS_URL": f"redis://127.0.0.1:{free_port()}"})["Redis"]

    assert not finding.ok
    assert "NUANYE_REDIS_URL" in finding.cure


def test_bad_settings_are_all_named(environ: dict[str, str]) -> None:
    """Settings that cannot be read are one finding, and the examination ends there."""
    findings = _findings({**environ, "NUANYE_CHAT_PORT": "many", "NUANYE_RECOGNIZER": "ears"})

    assert not findings["设置"].ok
    assert "chat_port" in findings["设置"].seen
    assert "recognizer" in findings["设置"].seen
    assert "磁盘" not in findings


def test_a_database_that_cannot_be_reached_has_a_cure(
    environ: dict[str, str], free_port: Callable[[], int]
) -> None:
    """The database is named in Chinese, its password is not shown, and the cure is not doctor itself."""
    url = f"postgresql+asyncpg://someone:pass-word@127.0.0.1:{free_port()}/db"
    finding = _findings({**environ, "NUANYE_DATABASE_URL": url})["数据库"]

    assert not finding.ok
    assert finding.cure
    assert "nuanye doctor" not in finding.cure
    assert "pass-word" not in finding.seen + finding.cure


def test_a_damaged_database_is_found(environ: dict[str, str], tmp_path: Path) -> None:
    """A file that is no database is a fault."""
    folder = tmp_path / "var"
    folder.mkdir()
    (folder / "nuanye.db").write_bytes(b"this is not a database" * 100)

    assert not _findings(environ)["数据库"].ok


def test_a_data_folder_that_cannot_be_made(environ: dict[str, str], tmp_path: Path) -> None:
    """A file in the way of the data folder is a fault with a cure, not a crash."""
    (tmp_path / "file").write_text("")
    finding = _findings({**environ, "NUANYE_DATA_DIR": str(tmp_path / "file" / "var")})["磁盘"]

    assert not finding.ok
    assert "NUANYE_DATA_DIR" in finding.cure


@pytest.mark.parametrize("content", [None, b"not an archive", b"\x1f\x8b\x08\x00cut short"])
def test_a_missing_or_spoilt_dialogue_model_names_its_command(
    environ: dict[str, str], tmp_path: Path, content: bytes | None
) -> None:
    """No model, and one that cannot be unpacked, lead to the training command."""
    models = tmp_path / "models"
    models.mkdir()
    if content is not None:
        (models / "dialogue-1.tar.gz").write_bytes(content)
    finding = _findings({**environ, "NUANYE_MODELS_DIR": str(models)})["对话模型"]

    assert not finding.ok
    assert "python -m bot.train" in finding.cure


def test_missing_speech_models_name_their_command(environ: dict[str, str], tmp_path: Path) -> None:
    """A recogniser whose model is not here is a fault that names how to get it."""
    missing = {"NUANYE_RECOGNIZER": "vosk", "NUANYE_CACHE_DIR": str(tmp_path / "empty")}
    finding = _findings({**environ, **missing})["语音模型"]

    assert not finding.ok
    assert "nuanye models" in finding.cure


def test_a_taken_port_names_its_setting(environ: dict[str, str]) -> None:
    """Another program on one of our ports is a fault."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finding = _findings({**environ, "NUANYE_CHAT_PORT": port})["端口 chat_port"]

    assert not finding.ok
    assert "NUANYE_CHAT_PORT" in finding.cure


def test_another_python_is_a_fault(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only 3.11 has the pinned packages."""
    monkeypatch.setattr(sys, "version_info", (3, 12, 1, "final", 0))

    assert not _findings(environ)["Python"].ok


@pytest.mark.parametrize(("ok", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_says_whether_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ok: bool, status: int
) -> None:
    """0 when healthy, 1 otherwise; the JSON report says the same."""
    monkeypatch.setattr(doctor, "examine", lambda _: iter([Finding("磁盘", ok, "看到的", "办法")]))
    with pytest.raises(doctor.typer.Exit) as end:
        doctor.doctor(as_json=True)

    assert end.value.exit_code == status
    assert json.loads(capsys.readouterr().out) == {
        "ok": ok,
        "checks": [{"check": "磁盘", "ok": ok, "seen": "看到的", "cure": "办法"}],
    }
