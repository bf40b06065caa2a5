"""Settings from the environment and from TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import Settings, embedded_socket, load_settings


def test_defaults_need_nothing() -> None:
    """An empty environment gives working defaults."""
    settings = load_settings({})

    assert settings == Settings()
    assert settings.database.startswith("sqlite+aiosqlite:///")
    assert settings.redis.startswith("unix:///")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A key set in both places takes the environment's value."""
    file = tmp_path / "nuanye.toml"
    file.write_text('chat_port = 1000\nhotline = "12345"\n', encoding="utf-8")

    settings = load_settings({"NUANYE_CONFIG": str(file), "NUANYE_CHAT_PORT": "2000"})

    assert settings.chat_port == 2000
    assert settings.hotline == "12345"


def test_every_bad_key_is_named_at_once() -> None:
    """One error lists all that is wrong, so that it is mended in one go."""
    environ = {
        "NUANYE_CHAT_PORT": "eighty",
        "NUANYE_NO_SUCH": "1",
        "NUANYE_SIP_REGISTER": "perhaps",
        "NUANYE_RECOGNIZER": "ears",
        "NUANYE_VOICE_LINES": "0",
    }

    with pytest.raises(ConfigError) as caught:
        load_settings(environ)

    for key in ("chat_port", "no_such", "sip_register", "recognizer", "voice_lines"):
        assert key in str(caught.value)


@pytest.mark.parametrize("content", [b"chat_port = ", b"\xff\xff", b"chat_port = 1.5", b"chat_port = true"])
def test_a_malformed_file_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    """Broken TOML, broken encoding and wrong types are all configuration errors."""
    file = tmp_path / "nuanye.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError):
        load_settings({}, file)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    """A file named but absent is not silently ignored."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings({"NUANYE_CONFIG": str(tmp_path / "absent.toml")})


def test_a_deep_data_directory_still_gets_a_socket() -> None:
    """The socket path fits into a Unix address however long the data directory's is."""
    socket = embedded_socket(Path("/srv") / ("很深的目录" * 20))

    assert len(str(socket).encode()) < 108
