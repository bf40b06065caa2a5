"""The installation's one secret, and keys derived from it for single purposes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import ConfigError, StorageError
from core.settings import Settings

SECRET_FILE = "secret.key"  # noqa: S105 - the name of the file, not what is in it
MIN_SECRET_CHARS = 32


def load_secret(settings: Settings) -> bytes:
    """Return ``settings.secret_key``, or the secret kept in ``data_dir`` (made on first use).

    Raises:
        ConfigError: the configured secret is too short to protect anything.
        StorageError: the file cannot be made or read.
    """
    if settings.secret_key:
        if len(settings.secret_key) < MIN_SECRET_CHARS:
            raise ConfigError(
                f"secret_key: must have at least {MIN_SECRET_CHARS} characters",
                hint="leave it empty to have one made, or use: openssl rand -hex 32",
            )
        return settings.secret_key.encode()
    return load_secret_file(settings.data_dir / SECRET_FILE)


def load_secret_file(path: Path) -> bytes:
    """Read the secret in ``path``; make it (mode 0600) when there is none. Raises ``StorageError``.

    Several processes may start at once: the file appears complete or not at all, and the first
    one to link it wins.
    """
    try:
        if not path.exists():
            _make(path)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"the secret key file cannot be used ({type(error).__name__})",
            hint=f"check owner and mode of {path}",
        ) from error
    if len(secret) < MIN_SECRET_CHARS:
        raise StorageError("the secret key file is damaged", hint=f"restore {path} from a backup")
    return secret.encode()


def derive_key(secret: bytes, purpose: str, length: int = 32) -> bytes:
    """Return ``length`` bytes that serve ``purpose`` only (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"nuanye:{purpose}".encode()).derive(
        secret
    )


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
