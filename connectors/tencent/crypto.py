"""The platforms' message encryption (WXBizMsgCrypt): SHA-1 signatures and AES-256-CBC. Pure.

An encrypted message is ``16 random bytes, length (4 bytes, big-endian), message, receive id``,
padded to a multiple of 32 bytes, encrypted with the 32 bytes that the 43 characters of
EncodingAESKey stand for; the first 16 of them are the initialisation vector.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.tencent.errors import CallbackRefused
from core.errors import ConfigError

_BLOCK = 32  # the padding's block, not the cipher's
_AES = 16
_HEAD = 20


def signature(*parts: str) -> str:
    """Return the platforms' signature of its parts: SHA-1 of them sorted and joined, in hexadecimal."""
    joined = "".join(sorted(parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def check_signature(given: str, *parts: str) -> None:
    """Raise ``CallbackRefused`` unless ``given`` is the signature of ``parts``."""
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), signature(*parts).encode()):
        raise CallbackRefused("wrong signature")


def decode_key(aes_key: str) -> bytes:
    """Return the 32 bytes of an EncodingAESKey. Raises ``ConfigError``."""
    try:
        # The 43rd character carries two bits that are no part of the key; the platforms set them at will.
        key = base64.b64decode(f"{aes_key}=", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(aes_key) != 43 or len(key) != 32:
        raise ConfigError("the EncodingAESKey must be the 43 characters of the platform's admin page")
    return key


@dataclass(frozen=True, slots=True)
class MessageCrypt:
    """One account's secrets. ``receive_id`` is its app id, corp id or (for a suite) suite id."""

    token: str = field(repr=False)
    key: bytes = field(repr=False)
    receive_id: str

    def open(self, encrypted: str, given: str, timestamp: str, nonce: str) -> bytes:
        """Check the signature of a callback's ``Encrypt`` (or of an echostr) and decrypt it.

        Raises:
            CallbackRefused: the signature, the padding, the length or the receive id is wrong.
        """
        check_signature(given, self.token, timestamp, nonce, encrypted)
        return self.decrypt(encrypted)

    def decrypt(self, encrypted: str) -> bytes:
        """Decrypt without looking at a signature. Raises ``CallbackRefused``."""
        try:
            data = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            raise CallbackRefused("ciphertext is not Base64") from None
        if not data or len(data) % _AES:
            raise CallbackRefused("ciphertext is truncated")
        decryptor = self._cipher().decryptor()
        plain = _unpad(decryptor.update(data) + decryptor.finalize())
        if len(plain) < _HEAD:
            raise CallbackRefused("ciphertext is too short")
        (length,) = struct.unpack(">I", plain[16:_HEAD])
        message, receiver = plain[_HEAD : _HEAD + length], plain[_HEAD + length :]
        if len(message) != length:
            raise CallbackRefused("ciphertext is truncated")
        if not hmac.compare_digest(receiver, self.receive_id.encode()):
            raise CallbackRefused("the message is for another account")
        return message

    def encrypt(self, message: bytes, *, prefix: bytes = b"") -> str:
        """Return ``message`` encrypted. ``prefix`` replaces the 16 random bytes, for known vectors."""
        plain = (prefix or secrets.token_bytes(16)) + struct.pack(">I", len(message)) + message
        plain += self.receive_id.encode()
        missing = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        data = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(data).decode()

    def seal(self, message: bytes, timestamp: str, nonce: str) -> tuple[str, str]:
        """Return ``message`` encrypted, and the signature that goes with it."""
        encrypted = self.encrypt(message)
        return encrypted, signature(self.token, timestamp, nonce, encrypted)

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.key), modes.CBC(self.key[:_AES]))


def _unpad(plain: bytes) -> bytes:
    missing = plain[-1]
    if not 1 <= missing <= _BLOCK or plain[-missing:] != bytes([missing]) * missing:
        raise CallbackRefused("wrong padding: another key, or changed on the way")
    return plain[:-missing]
