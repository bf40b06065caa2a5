"""Names and addresses as they lie in the database: sealed, yet findable by a keyed fingerprint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import StorageError
from core.secret import KeyRing, derive_key

_NAMELESS = "v1"
_NONCE_BYTES = 12
_DIGITS = re.compile(r"[1-9][0-9]*")
_CHAT = re.compile(r"[a-z]{2,20}:[^/]")  # channel:user
_NAME_MARK = "\u2983name\u2984"


class Vault:
    """Seals with AES-256-GCM; every value is bound to the column it belongs to.

    A sealed value names its key (``k1b2….``); ``v1.`` is what was written before keys had names. A key
    that is not known may have been made by a rotation since this process began: ``reload`` looks again.
    """

    def __init__(self, secret: bytes | KeyRing, *, reload: Callable[[], KeyRing] | None = None) -> None:
        self._reload = reload
        self._take(secret if isinstance(secret, KeyRing) else KeyRing((secret,)))

    def _take(self, ring: KeyRing) -> None:
        self.ring = ring
        self._first = ring.first
        self._ciphers = {
            key_name(secret): AESGCM(derive_key(secret, "identity-fields")) for secret in ring.secrets
        }
        self._newest = key_name(ring.newest)
        self._cipher = self._ciphers[self._newest]
        self._fingerprint_key = derive_key(ring.first, "identity-fingerprint")

    def seal(self, text: str, column: str) -> str:
        """Encrypt ``text`` for ``column``; the same text never looks the same twice."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), column.encode())
        return f"{self._newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, column: str) -> str:
        """Decrypt; nothing stays nothing. Raises ``StorageError`` for another key or column, or damage."""
        if not sealed:
            return ""
        name, _, body = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(body.encode())
            for cipher in self._ciphers_for(name):
                try:
                    plain = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], column.encode())
                except InvalidTag:
                    continue
                return plain.decode()
            raise InvalidTag
        except (InvalidTag, ValueError) as error:
            raise StorageError(
                f"{column} cannot be decrypted ({type(error).__name__})",
                hint="the database was written with another secret key",
            ) from None

    def _ciphers_for(self, name: str) -> tuple[AESGCM, ...]:
        if name == _NAMELESS:
            return tuple(reversed(self._ciphers.values()))  # the oldest is the likeliest
        if name not in self._ciphers and self._reload is not None:
            self._take(self._reload())
        cipher = self._ciphers.get(name)
        return () if cipher is None else (cipher,)

    def is_fresh(self, sealed: str) -> bool:
        """Whether a value is sealed with the newest key (or there is nothing to seal)."""
        return not sealed or sealed.startswith(f"{self._newest}.")

    @property
    def newest_prefix(self) -> str:
        """What freshly sealed values begin with."""
        return f"{self._newest}."

    def key_for(self, purpose: str) -> bytes:
        """Return a key of its own for ``purpose``, the same whatever was rotated."""
        return derive_key(self._first, purpose)

    def fingerprint(self, text: str) -> str:
        """Return a keyed hash that is equal exactly for equal texts."""
        return hmac.digest(self._fingerprint_key, text.encode(), hashlib.sha256).hex()[:40]

    def address_print(self, address: str) -> str:
        """Return the fingerprint of an address, however it was spelt."""
        return self.fingerprint(normal_address(address))

    @property
    def key_print(self) -> str:
        """What tells this key from another without giving it away."""
        return self.fingerprint("key check")


def key_name(secret: bytes) -> str:
    """Return what a secret is called in the values it has sealed; it says nothing about the secret."""
    return f"k{derive_key(secret, 'key-name', 4).hex()}"


def normal_address(address: str) -> str:
    """Return one spelling per line: ``+86 138-0013-8000`` → ``13800138000``, SIP URIs in lower case.

    ``wechat:…`` (channel and user) stays as it is.
    """
    if _DIGITS.fullmatch(address):
        return address
    text = re.sub(r"\s+", "", address)
    if text.lower().startswith(("sip:", "sips:")):
        return text.lower()
    if _CHAT.match(text):  # a platform's user id is told apart by case
        return text
    digits = re.sub(r"[^0-9+]", "", text)
    return re.sub(r"^(\+86|0086)", "", digits)


def without_name(document: str, name: str) -> str:
    """Put a mark wherever ``name`` stands in ``document``, so that a transcript can lie unsealed."""
    return document.replace(name, _NAME_MARK) if len(name) > 1 else document


def with_name(document: str, name: str) -> str:
    """Undo ``without_name``."""
    return document.replace(_NAME_MARK, name)


def person_id(vault: Vault, name: str, address_print: str) -> str:
    """Return a person's id: the same name at the same address is the same person."""
    return f"per_{vault.fingerprint(name + chr(0) + address_print)[:24]}"
