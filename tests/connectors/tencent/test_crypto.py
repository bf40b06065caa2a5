"""The platforms' message encryption: their published samples, and everything that must be refused."""

from __future__ import annotations

import base64
import random

import pytest

from connectors.tencent.crypto import MessageCrypt, check_signature, decode_key, signature
from connectors.tencent.errors import CallbackRefused
from connectors.tencent.xml import parse_xml
from core.errors import ConfigError

# The official account platform's sample (its Python and PHP demo).
ACCOUNT = MessageCrypt(
    "spamtest", decode_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"), "wx2c2769f8efd9abc2"
)
ACCOUNT_MESSAGE = (
    "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9"
    "FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3y"
    "t+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v"
    "6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
)
ACCOUNT_SIGNED = ("5d197aaffba7e9b25a30732f161a50dee96bd5fa", "1409735669", "1320562132")

# The WeCom platform's sample.
CORP = MessageCrypt(
    "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo",
    decode_key("6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt"),
    "ww1436e0e65a779aee",
)
CORP_ECHO = "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA=="
CORP_MESSAGE = (
    "Kl7kjoSf6DMD1zh7rtrHjFaDapSCkaOnwu3bqLc5tAybhhMl9pFeK8NslNPVdMwmBQTNoW4mY7AIjeLvEl3NyeTkAgGzBhzTtRLNshw2AEew"
    "+kkYcD+Fq72Kt00fT0WnN87hGrW8SqGc+NcT3mu87Ha3dz1pSDi6GaUA6A0sqfde0VJPQbZ9U+3JWcoD4Z5jaU0y9GSh010wsHF8KZD24Yhm"
    "ZH4ch4Ka7ilEbjbfvhKkNL65HHL0J6EYJIZUC2pFrdkJ7MhmEbU2qARR4iQHE7wy24qy0cRX3Mfp6iELcDNfSsPGjUQVDGxQDCWjayJOpcwo"
    "cugux082f49HKYg84EpHSGXAyh+/oxwaWbvL6aSDPOYuPDGOCI8jmnKiypE+"
)


def test_the_official_accounts_sample_opens() -> None:
    """The published signature fits the published ciphertext, and it reads as published."""
    fields = parse_xml(ACCOUNT.open(ACCOUNT_MESSAGE, *ACCOUNT_SIGNED))
    assert fields["Content"] == "abcdteT"
    assert fields["FromUserName"] == "oyORnuP8q7ou2gfYjqLzSIWZf0rs"
    assert fields["MsgId"] == "6054768590064713728"


def test_wecoms_samples_open() -> None:
    """The published echo string and message of WeCom's demo open to their published contents."""
    echo = CORP.open(CORP_ECHO, "012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", "1476416373", "47744683")
    assert echo == b"1288432023552776189"
    message = CORP.open(CORP_MESSAGE, "0c3914025cb4b4d68103f6bfc8db550f79dcf48e", "1476422779", "1597212914")
    fields = parse_xml(message)
    assert (fields["FromUserName"], fields["Content"]) == ("ChenJiaShun", "你好")


def test_encryption_gives_the_platforms_bytes() -> None:
    """With the sample's random prefix, encrypting its plaintext gives its ciphertext again."""
    data = base64.b64decode(ACCOUNT_MESSAGE)
    decryptor = ACCOUNT._cipher().decryptor()
    prefix = (decryptor.update(data) + decryptor.finalize())[:16]
    assert ACCOUNT.encrypt(ACCOUNT.decrypt(ACCOUNT_MESSAGE), prefix=prefix) == ACCOUNT_MESSAGE


@pytest.mark.parametrize("length", [0, 1, 11, 12, 31, 32, 33, 5_000])
def test_every_length_survives(length: int) -> None:
    """Padding is right on both sides of a block's border."""
    message = bytes(index % 256 for index in range(length))
    encrypted, signed = CORP.seal(message, "1", "2")
    assert CORP.open(encrypted, signed, "1", "2") == message


def test_two_encryptions_of_one_message_differ() -> None:
    """The random prefix is random."""
    assert CORP.encrypt(b"x") != CORP.encrypt(b"x")


@pytest.mark.parametrize(
    "given", ["", "0" * 40, "5D197AAFFBA7E9B25A30732F161A50DEE96BD5FA", "\ud800", "签名"]
)
def test_a_wrong_signature_is_refused(given: str) -> None:
    """Neither an empty one, another case nor text that is no hexadecimal passes or crashes."""
    with pytest.raises(CallbackRefused, match="signature"):
        ACCOUNT.open(ACCOUNT_MESSAGE, given, *ACCOUNT_SIGNED[1:])


def test_the_signature_sorts_its_parts() -> None:
    """The order of the parts does not matter, their contents do."""
    check_signature(signature("b", "a", "c"), "a", "b", "c")
    assert signature("a", "b") != signature("a", "c")


def test_another_accounts_message_is_refused() -> None:
    """The same key with another app id is another account."""
    other = MessageCrypt(ACCOUNT.token, ACCOUNT.key, "wx0000000000000000")
    with pytest.raises(CallbackRefused, match="another account"):
        other.open(ACCOUNT_MESSAGE, *ACCOUNT_SIGNED)


def test_the_wrong_key_is_refused() -> None:
    """A message under another EncodingAESKey never opens."""
    wrong = MessageCrypt(ACCOUNT.token, CORP.key, ACCOUNT.receive_id)
    with pytest.raises(CallbackRefused):
        wrong.open(ACCOUNT_MESSAGE, *ACCOUNT_SIGNED)


@pytest.mark.parametrize("cut", [1, 15, 16, 31, 32, 48, 300])
def test_truncated_ciphertext_is_refused(cut: int) -> None:
    """However many bytes are missing at the end, the message does not open."""
    data = base64.b64decode(ACCOUNT_MESSAGE)[:-cut]
    with pytest.raises(CallbackRefused):
        ACCOUNT.decrypt(base64.b64encode(data).decode())


@pytest.mark.parametrize("extra", [1, 16, 32, 1_024])
def test_lengthened_ciphertext_is_refused(extra: int) -> None:
    """Bytes that were added at the end do not pass as padding."""
    data = base64.b64decode(ACCOUNT_MESSAGE) + bytes(extra)
    with pytest.raises(CallbackRefused):
        ACCOUNT.decrypt(base64.b64encode(data).decode())


@pytest.mark.parametrize("text", ["", "=", "not base64!", "QUJD", "あ", "A" * 63])
def test_what_is_no_ciphertext_is_refused(text: str) -> None:
    """Text that is no Base64, or no whole number of blocks, is refused and does not crash."""
    with pytest.raises(CallbackRefused):
        ACCOUNT.decrypt(text)


def test_no_changed_ciphertext_opens_with_its_old_signature() -> None:
    """Each of 500 single-byte changes is noticed by the signature."""
    dice = random.Random(6)
    data = base64.b64decode(ACCOUNT_MESSAGE)
    for _ in range(500):
        changed = bytearray(data)
        changed[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        with pytest.raises(CallbackRefused):
            ACCOUNT.open(base64.b64encode(bytes(changed)).decode(), *ACCOUNT_SIGNED)


@pytest.mark.parametrize("key", ["", "short", "a" * 42, "a" * 44, "!" * 43, "密" * 43])
def test_a_malformed_aes_key_is_a_configuration_error(key: str) -> None:
    """The operator is told at the start, not at the first message."""
    with pytest.raises(ConfigError, match="43 characters"):
        decode_key(key)


def test_secrets_do_not_show() -> None:
    """Neither the token nor the key stands in the object's representation."""
    assert "spamtest" not in repr(ACCOUNT)
    assert "key" not in repr(ACCOUNT)
