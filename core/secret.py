"""The installation's secrets, and keys derived from them for single purposes.

There is one secret until it is rotated (``nuanye keys rotate``); after that the newest comes first.
Values are sealed and cookies signed with the newest. The first one ever made stays, as the last of the
ring: fingerprints, by which people are found again, are made with it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import ConfigError, StorageError
from core.settings import Settings

SECRET_FILE = "secret.key"  # noqa: S105 - the name of the file, not what is in it
MIN_SECRET_CHARS = 32
MAX_SECRETS = 8


@dataclass(frozen=True, slots=True)
class KeyRing:
    """``secrets``: newest first, never empty."""

    secrets: tuple[bytes, ...]

    @property
    def newest(self) -> bytes:
        """What seals and signs."""
        return self.secrets[0]

    @property
    def first(self) -> bytes:
        """What fingerprints are made with."""
        return self.secrets[-1]


def load_secret(settings: Settings) -> bytes:
    """Return the first secret: for names that must stay the same when the secret is rotated.

    Raises:
        ConfigError: the configured secret is too short to protect anything.
        StorageError: the file cannot be made or read.
    """
    return load_ring(settings).first


def load_ring(settings: Settings) -> KeyRing:
    """Return ``settings.secret_key`` (several: newest first, joined by commas), or those of ``data_dir``.

    Raises as ``load_secret`` does.
    """
    if settings.secret_key:
        parts = tuple(part.strip().encode() for part in settings.secret_key.split(","))
        if min(map(len, parts)) < MIN_SECRET_CHARS:
            raise ConfigError(
                f"secret_key: must have at least {MIN_SECRET_CHARS} characters",
                hint="leave it empty to have one made, or use: openssl rand -hex 32",
            )
        return KeyRing(parts[:MAX_SECRETS])
    return load_ring_file(settings.data_dir / SECRET_FILE)


def load_secret_file(path: Path) -> bytes:
    """Return the first secret in ``path``; see ``load_ring_file``."""
    return load_ring_file(path).first


def load_ring_file(path: Path) -> KeyRing:
    """Read the secrets in ``path``, one a line; make one (mode 0600) when there is none.

    Several processes may start at once: the file appears complete or not at all, and the first
    one to link it wins. Raises ``StorageError``.
    """
    try:
        if not path.exists():
            _make(path)
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"the secret key file cannot be used ({type(error).__name__})",
            hint=f"check owner and mode of {path}",
        ) from error
    if not lines or min(map(len, lines)) < MIN_SECRET_CHARS:
        raise StorageError("the secret key file is damaged", hint=f"restore {path} from a backup")
    return KeyRing(tuple(line.encode() for line in lines[:MAX_SECRETS]))


def write_ring_file(path: Path, ring: KeyRing) -> None:
    """Replace the file at once and for good. Raises ``StorageError``."""
    try:
        draft = _draft(path, ring)
        os.replace(draft, path)
    except OSError as error:
        raise StorageError(
            f"the secret key file cannot be written ({type(error).__name__})", hint=f"check {path.parent}"
        ) from error


def new_secret() -> bytes:
    """Return 256 random bits, as text."""
    return secrets.token_hex(32).encode()


def derive_key(secret: bytes, purpose: str, length: int = 32) -> bytes:
    """Return ``length`` bytes that serve ``purpose`` only (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"nuanye:{purpose}".encode()).derive(
        secret
    )


def _make(path: Path) -> None:
    draft = _draft(path, KeyRing((new_secret(),)))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path, ring: KeyRing) -> Path:
    """Write the secrets beside ``path``, readable by us only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.writelines(f"{secret.decode('ascii')}\n" for secret in ring.secrets)
        file.flush()
        os.fsync(file.fileno())
    return draft
