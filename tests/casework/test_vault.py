"""Identity fields are sealed, the secret is made once, and wrong keys are noticed."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.vault import Vault, normal_address, with_name, without_name
from core.errors import ConfigError, StorageError
from core.secret import derive_key, load_secret, load_secret_file
from core.settings import load_settings

VAULT = Vault(b"k" * 32)


@given(st.text(max_size=60))
def test_what_is_sealed_opens_again(text: str) -> None:
    """Any text comes back; its sealed form does not show it and never repeats."""
    sealed = VAULT.seal(text, "name")
    assert VAULT.open(sealed, "name") == text
    assert sealed != VAULT.seal(text, "name")


@pytest.mark.parametrize("damage", ["column", "key", "bit", "cut", "garbage"])
def test_wrong_keys_and_damage_are_noticed(damage: str) -> None:
    """Another column, another key or a changed byte is a StorageError that shows nothing."""
    sealed = VAULT.seal("陈小明", "name")
    vault, column = VAULT, "name"
    if damage == "column":
        column = "address"
    elif damage == "key":
        vault = Vault(b"x" * 32)
    elif damage == "bit":
        sealed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    elif damage == "cut":
        sealed = sealed[:20]
    else:
        sealed = f"{sealed[:10]}!!"
    with pytest.raises(StorageError, match="cannot be decrypted"):
        vault.open(sealed, column)


@pytest.mark.parametrize(
    "spelling", ["13800138001", "+86 138-0013-8001", "0086 13800138001", "138 0013 8001"]
)
def test_one_number_has_one_fingerprint(spelling: str) -> None:
    """However a number is spelt, the do-not-call list recognises it."""
    assert VAULT.address_print(spelling) == VAULT.address_print("13800138001")
    assert VAULT.address_print("SIP:Li@Host:5070") == VAULT.address_print("sip:li@host:5070")
    assert VAULT.address_print("13800138002") != VAULT.address_print(spelling)
    assert normal_address(spelling) == "13800138001"


@given(st.text(alphabet='陈小明","{}name:', max_size=40), st.text(alphabet='陈小明",name', max_size=5))
def test_taking_a_name_out_is_undone_exactly(document: str, name: str) -> None:
    """Whatever the name, the document comes back character for character."""
    assert with_name(without_name(document, name), name) == document


def test_the_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """Twenty threads that start together read the same secret from one file that only we may read."""
    path = tmp_path / "var" / "secret.key"
    found: set[bytes] = set()
    threads = [threading.Thread(target=lambda: found.add(load_secret_file(path))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["secret.key"]


def test_a_configured_secret_wins_and_must_be_long(tmp_path: Path) -> None:
    """A set key is used and no file is made; a short one is refused by the setting's name."""
    environ = {"NUANYE_DATA_DIR": str(tmp_path), "NUANYE_SECRET_KEY": "s" * 40}
    assert load_secret(load_settings(environ)) == b"s" * 40
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="secret_key"):
        load_secret(load_settings({**environ, "NUANYE_SECRET_KEY": "short"}))


def test_a_damaged_secret_file_is_an_error(tmp_path: Path) -> None:
    """An emptied file is not silently replaced: that would make every name unreadable."""
    path = tmp_path / "secret.key"
    path.write_text("")
    with pytest.raises(StorageError, match="damaged"):
        load_secret_file(path)


def test_keys_for_different_purposes_differ() -> None:
    """The cookie key tells nothing about the key of the names."""
    assert derive_key(b"s" * 32, "a") != derive_key(b"s" * 32, "b")
    assert len(derive_key(b"s" * 32, "a", 64)) == 64
