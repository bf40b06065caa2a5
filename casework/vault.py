"""Names and addresses as they lie in the database: sealed, yet findable by a keyed fingerprint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import StorageError
from core.secret import derive_key

_PREFIX = "v1."
_NONCE_BYTES = 12
_DIGITS = re.compile(r"[1-9][0-9]*")
_CHAT = re.compile(r"[a-z]{2,20}:[^/]")  # channel:user
_NAME_MARK = "\u2983name\u2984"


class Vault:
    """Seals with AES-256-GCM; every value is bound to the column it belongs to."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(derive_key(secret, "identity-fields"))
        self._fingerprint_key = derive_key(secret, "identity-fingerprint")

    def seal(self, text: str, column: str) -> str:
        """Encrypt ``text`` for ``column``; the same text never looks the same twice."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), column.encode())
        return _PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, column: str) -> str:
        """Decrypt. Raises ``StorageError`` for another key, another column or damaged data."""
        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(_PREFIX).encode())
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], column.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise StorageError(
                f"{column} cannot be decrypted ({type(error).__name__})",
                hint="the database was written with another secret key",
            ) from None

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
