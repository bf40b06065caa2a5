"""The sentences of the doors on other companies' platforms, read once from ``dialogues/platforms.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from connectors.stations import Station, nearest
from connectors.texts import fill_names
from core.errors import KnowledgeError

PLATFORMS_FILE = Path(__file__).resolve().parent.parent / "dialogues" / "platforms.yml"

NOTICES = frozenset(
    {
        "image", "link", "file", "unknown", "voice_unclear", "voice_long", "voice_away", "later",
        "staff_away", "staff_done",
    }
)  # fmt: skip
_SAID = frozenset({"station", "station_anywhere"})


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A button of the account's menu: it says ``say``, or opens ``items``."""

    name: str
    say: str = ""
    items: tuple[MenuEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformTexts:
    """``choose`` to ``chosen`` frame an answer, ``staff_says`` staff's words; ``said`` is the user's part."""

    notices: Mapping[str, str]
    choose: str
    pick: str
    source: str
    original: str
    open_original: str
    chosen: str
    staff_says: str
    nearest: Mapping[str, str]
    said: Mapping[str, str]
    menu: tuple[MenuEntry, ...]
    stations: tuple[Station, ...] = ()

    def stations_near(self, place: tuple[float, float] | None) -> str:
        """Return what somebody at ``place`` reads about the nearest stations; empty: none is known."""
        found = nearest(self.stations, place) if place is not None else ()
        lines = [
            self.nearest["line"].format(
                number=number,
                name=station.name,
                address=station.address,
                distance=self.nearest["metres"].format(count=max(100, round(km * 10) * 100))
                if km < 1
                else self.nearest["kilometres"].format(count=f"{km:.1f}"),
            )
            for number, (station, km) in enumerate(found, 1)
        ]
        return "\n".join([self.nearest["head"], *lines]) if lines else ""


def load_platform_texts(names: Mapping[str, str], path: Path = PLATFORMS_FILE) -> PlatformTexts:
    """Read the file and fill ``{agency}`` and ``{hotline}`` in. Raises ``KnowledgeError``."""
    try:
        raw = fill_names(yaml.safe_load(path.read_text(encoding="utf-8")), names, path.name)
        texts = PlatformTexts(
            notices=raw["notices"],
            choose=raw["choose"],
            pick=raw["pick"],
            source=raw["source"],
            original=raw["original"],
            open_original=raw["open_original"],
            chosen=raw["chosen"],
            staff_says=raw["staff_says"],
            nearest=raw["nearest"],
            said=raw["said"],
            menu=tuple(_entry(item) for item in raw["menu"]),
        )
        missing = (NOTICES ^ set(texts.notices)) | (_SAID ^ set(texts.said))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise KnowledgeError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    if missing:
        raise KnowledgeError(f"{path.name}: missing or unknown: {', '.join(sorted(missing))}")
    return texts


def _entry(raw: Mapping[str, Any]) -> MenuEntry:
    return MenuEntry(raw["name"], raw.get("say", ""), tuple(_entry(item) for item in raw.get("items", ())))
