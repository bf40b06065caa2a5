"""Draft, versions and the live one: what is published is never changed again, what is live is one name.

``<data_dir>/knowledge/`` holds ``draft/`` (to be edited), ``versions/<name>/`` (published, read-only by
custom), ``live`` (the name of the version in force) and ``log.jsonl`` (who published what, when and why).
Without ``live`` the knowledge that is shipped with the program is the live one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.knowledge.check import check_knowledge
from bot.knowledge.loader import KNOWLEDGE_DIR, read_files, read_mapping, read_questions
from core.errors import KnowledgeError

SHIPPED = "shipped"
_PARTS = ("policies", "questions")
_FILES = ("spoken.yaml", "wording.yaml", "phrases.yaml", "districts.yaml", "out_of_scope.txt")
_NAME = re.compile(r"\d{4}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Version:
    """A folder of knowledge files; ``name`` is ``shipped``, ``draft`` or that of a published version."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one entry: ``added``, ``removed`` or ``changed``; ``fields`` are old → new."""

    entry_id: str
    kind: str
    title: str
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class KnowledgeStore:
    """The knowledge of one installation. ``publish`` and ``roll_back`` are atomic."""

    folder: Path

    def live(self) -> Version:
        """Return the version in force.

        Raises:
            KnowledgeError: the file ``live`` names a version that is not there.
        """
        return self.version(self._live_name())

    def version(self, name: str) -> Version:
        """Return a version by name. Raises ``KnowledgeError`` when it is not there."""
        if name == SHIPPED:
            return Version(SHIPPED, KNOWLEDGE_DIR)
        found = self._version(name)
        if found is None:
            known = ", ".join((SHIPPED, *self.versions()))
            raise KnowledgeError(f"version {name[:40]} is missing", hint=f"one of {known}")
        return found

    def versions(self) -> tuple[str, ...]:
        """Return the names of all published versions, oldest first."""
        home = self.folder / "versions"
        return (
            tuple(sorted(p.name for p in home.iterdir() if _NAME.fullmatch(p.name))) if home.exists() else ()
        )

    def draft(self) -> Version:
        """Return the draft; where there is none, one that equals the live version is made."""
        folder = self.folder / "draft"
        if not folder.exists():
            partial = self.folder / f"draft.{os.getpid()}.part"
            _copy(self.live().folder, partial)
            partial.replace(folder)
        return Version("draft", folder)

    def discard_draft(self) -> None:
        """Throw the draft away."""
        shutil.rmtree(self.folder / "draft", ignore_errors=True)

    def publish(self, *, by: str, note: str, at: datetime) -> Version:
        """Make the draft the live version. Publishing what is live already changes nothing.

        Raises:
            KnowledgeError: there is no draft, or it breaks a rule; ``hint`` names every problem.
        """
        draft = self.folder / "draft"
        if not draft.exists():
            raise KnowledgeError("there is no draft", hint="nuanye knowledge draft")
        report = check_knowledge(at.date(), draft)
        if report.errors:
            raise KnowledgeError(
                f"the draft has {len(report.errors)} errors: {report.errors[0]}",
                hint="\n".join(report.errors),
            )
        digest = content_hash(draft)
        if digest == content_hash(self.live().folder):
            return self.live()
        number = max((int(name[:4]) for name in self.versions()), default=0) + 1
        name = f"{number:04d}-{digest[:8]}"
        target = self.folder / "versions" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.part")
        _copy(draft, partial)
        partial.replace(target)
        changed = [f"{c.kind} {c.entry_id}" for c in compare(self.live().folder, target)]
        self._go_live(name, {"event": "publish", "by": by, "note": note, "at": at, "changes": changed})
        return Version(name, target)

    def roll_back(self, name: str, *, by: str, at: datetime) -> Version:
        """Put an earlier version in force; without ``name`` the one that was live before.

        Raises:
            KnowledgeError: there is no such version.
        """
        if not name:
            earlier = [entry["version"] for entry in self.log() if entry["version"] != self._live_name()]
            name = earlier[-1] if earlier else SHIPPED
        self.version(name)
        self._go_live(name, {"event": "rollback", "by": by, "note": "", "at": at, "changes": []})
        return self.live()

    def log(self) -> tuple[Mapping[str, Any], ...]:
        """Return what was published and rolled back, oldest first."""
        path = self.folder / "log.jsonl"
        if not path.exists():
            return ()
        return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line)

    def _go_live(self, name: str, entry: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        line = {**entry, "at": entry["at"].isoformat(), "version": name}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        partial = self.folder / f"live.{os.getpid()}.part"
        partial.write_text(name + "\n", encoding="utf-8")
        partial.replace(self.folder / "live")

    def _live_name(self) -> str:
        try:
            return (self.folder / "live").read_text(encoding="utf-8").strip() or SHIPPED
        except FileNotFoundError:
            return SHIPPED
        except (OSError, UnicodeDecodeError) as error:
            raise KnowledgeError(f"live cannot be read ({type(error).__name__})") from error

    def _version(self, name: str) -> Version | None:
        folder = self.folder / "versions" / name
        return Version(name, folder) if _NAME.fullmatch(name) and folder.is_dir() else None


def compare(old: Path, new: Path) -> tuple[Change, ...]:
    """Return what differs between two folders, entry by entry, in file order; other files by their name."""
    before, after = _entries(old), _entries(new)
    changes = []
    for entry_id in [*after, *(item for item in before if item not in after)]:
        own, other = before.get(entry_id, {}), after.get(entry_id, {})
        fields = {
            name: (own.get(name), other.get(name))
            for name in dict.fromkeys((*own, *other))
            if own.get(name) != other.get(name)
        }
        kind = "added" if not own else "removed" if not other else "changed"
        if fields:
            changes.append(Change(entry_id, kind, str((other or own).get("title", "")), fields))
    for name in ("phrases.yaml", "districts.yaml", "out_of_scope.txt"):
        texts = [
            (folder / name).read_text("utf-8") if (folder / name).exists() else "" for folder in (old, new)
        ]
        if texts[0] != texts[1]:
            changes.append(Change(name, "changed", "", {"text": (texts[0], texts[1])}))
    return tuple(changes)


def content_hash(folder: Path) -> str:
    """Return the hash of all knowledge files under ``folder``."""
    digest = hashlib.sha256()
    for path in _knowledge_files(folder):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Every entry with its spoken text, wording and further questions; a broken file counts as empty."""
    _, files = read_files(folder)
    found = {raw["id"]: dict(raw) for items in files.values() for raw in items}
    extra = {
        "spoken": read_mapping(folder / "spoken.yaml"),
        "wording": read_mapping(folder / "wording.yaml"),
        "asked": read_questions(folder),
    }
    for name, mapping in extra.items():
        for entry_id, value in mapping.items():
            if entry_id in found:
                found[entry_id][name] = value
    return found


def _knowledge_files(folder: Path) -> list[Path]:
    listed = [path for part in _PARTS for path in sorted((folder / part).glob("*.yaml"))]
    return [*listed, *(folder / name for name in _FILES if (folder / name).exists())]


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for path in _knowledge_files(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
