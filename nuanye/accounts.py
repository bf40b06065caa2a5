"""The first staff account of an installation."""

from __future__ import annotations

import secrets

from core.settings import Settings

FIRST_ACCOUNT = "staff"

# Without characters that are mistaken for one another when they are read off a screen.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_password(groups: int = 4, group_length: int = 4) -> str:
    """Return a random password such as ``k7mq-x2vd-h9tw-ab3c`` (about 79 bits)."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(group_length)) for _ in range(groups))


async def one_time_login(settings: Settings) -> tuple[str, str] | None:
    """Make the first account and return its name and password; ``None`` when accounts exist.

    The password opens only the page on which its owner sets another one.
    """
    from casework.staff import hash_password
    from casework.store import open_store

    async with await open_store(settings) as store:
        if await store.list_staff():
            return None
        password = new_password()
        await store.add_staff(FIRST_ACCOUNT, hash_password(password), "admin", one_time=True)
        return FIRST_ACCOUNT, password
