"""Matters that districts handle differently, from ``districts.yaml``: asked for, never guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.errors import KnowledgeError


@dataclass(frozen=True, slots=True)
class DistrictGroup:
    """``districts``: 天河区 → entry id; ``general`` is the answer for all others.

    ``names``: what only one of them is called, so that nothing has to be asked.
    """

    general: str
    districts: Mapping[str, str]
    names: tuple[str, ...] = ()

    def of(self, text: str) -> str:
        """Return the district that ``text`` names, ``""`` when none of the group's."""
        return next((name for name in self.districts if name.removesuffix("区") in text), "")

    def entry_for(self, district: str) -> str:
        """Return the id of the entry that holds in ``district``."""
        return self.districts.get(district, self.general)


def load_districts(folder: Path, known: Collection[str]) -> tuple[DistrictGroup, ...]:
    """Read and check the groups; a missing file is an empty one.

    Raises:
        KnowledgeError: the file has another form, or names an entry that is not ``known``.
    """
    path = folder / "districts.yaml"
    if not path.exists():
        return ()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        groups = tuple(
            DistrictGroup(item["general"], dict(item["districts"]), tuple(map(str, item.get("names", ()))))
            for item in raw
        )
    except (
        OSError,
        UnicodeDecodeError,
        yaml.YAMLError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:
        raise KnowledgeError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    for group in groups:
        for entry_id in (group.general, *group.districts.values()):
            if entry_id not in known:
                raise KnowledgeError(f"{path.name}: {entry_id}: id: no such entry")
    return groups
