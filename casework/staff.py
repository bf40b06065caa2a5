"""Who may use the console."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from casework import schema
from casework.repository import Repository
from casework.types import StaffMember
from core.errors import BadInput

ROLES = ("staff", "admin")
MIN_PASSWORD_CHARS = 10
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


class Staff(Repository):
    """Accounts. Password hashes are made and checked by the caller (``hash_password``)."""

    async def get_staff(self, username: str) -> StaffMember | None:
        """Return one account, disabled or not."""
        query = sa.select(schema.staff).where(schema.staff.c.username == username.lower())
        async with self._db.read() as connection:
            row = (await connection.execute(query)).first()
        return _member(row) if row else None

    async def list_staff(self) -> tuple[StaffMember, ...]:
        """Return all accounts by name."""
        query = sa.select(schema.staff).order_by(schema.staff.c.username)
        async with self._db.read() as connection:
            return tuple(_member(row) for row in await connection.execute(query))

    async def add_staff(
        self, username: str, password_hash: str, role: str = "staff", *, one_time: bool = False
    ) -> StaffMember:
        """Make an account; a ``one_time`` password must be changed at the first login.

        Raises ``BadInput`` for a bad or taken name or an unknown role.
        """
        name = username.lower()
        if not _USERNAME.fullmatch(name):
            raise BadInput("username: 2 to 64 of a-z, 0-9, dot, dash, underscore")
        if role not in ROLES:
            raise BadInput(f"role: must be one of {', '.join(ROLES)}")
        now = self._clock.now()
        values = {
            "username": name,
            "password_hash": password_hash,
            "role": role,
            "created_at": now,
            "password_set_at": now,
            "disabled": False,
            "must_change_password": one_time,
        }
        async with self._db.write() as connection:
            if not await self._db.insert_once(connection, schema.staff, values):
                raise BadInput("username: already taken", hint="nuanye staff password sets a new password")
        return StaffMember(name, password_hash, role, now, now, must_change_password=one_time)

    async def set_password(self, username: str, password_hash: str, *, one_time: bool = False) -> None:
        """Replace the password's hash; a ``one_time`` one must be changed at the next login.

        Raises ``BadInput`` for an unknown name.
        """
        await self._change(
            username,
            password_hash=password_hash,
            password_set_at=self._clock.now(),
            must_change_password=one_time,
        )

    async def set_disabled(self, username: str, disabled: bool) -> None:
        """Lock or unlock an account. Raises ``BadInput`` for an unknown name."""
        await self._change(username, disabled=disabled)

    async def _change(self, username: str, **values: Any) -> None:
        staff = schema.staff
        async with self._db.write() as connection:
            done = await connection.execute(
                staff.update().where(staff.c.username == username.lower()).values(**values)
            )
            if done.rowcount != 1:
                raise BadInput("username: no such account", hint="nuanye staff list shows them")


def _member(row: Any) -> StaffMember:
    return StaffMember(
        row.username,
        row.password_hash,
        row.role,
        row.created_at,
        row.password_set_at,
        row.disabled,
        row.must_change_password,
    )


def hash_password(password: str) -> str:
    """Hash with argon2id. Raises ``BadInput`` for a password that is too short."""
    from argon2 import PasswordHasher

    if len(password) < MIN_PASSWORD_CHARS:
        raise BadInput(f"password: at least {MIN_PASSWORD_CHARS} characters")
    return PasswordHasher().hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Return whether the password is the one that was hashed."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
