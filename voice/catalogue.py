"""The catalogue of speech models: what ``models.yaml`` says, validated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ModelError

_CATALOGUE = Path(__file__).with_name("models.yaml")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file with its pinned content."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """One catalogue entry.

    It comes either from installed ``packages`` whose ``data`` folders hold ``files`` (whole, or cut
    into ``NAME.part1``, ``NAME.part2`` …) or from the archive at ``url`` with ``sha256`` (empty: its
    publisher states none). ``needs`` are glob patterns that the unpacked folder must satisfy.
    ``service`` is false where licence or quality allow demonstrations only.
    """

    name: str
    engine: str
    title: str
    licence: str
    service: bool
    size_mb: int
    languages: tuple[str, ...] = ()
    note: str = ""
    packages: tuple[str, ...] = ()
    files: tuple[ModelFile, ...] = ()
    url: str = ""
    sha256: str = ""
    needs: tuple[str, ...] = ()


def fetch_hint(name: str) -> str:
    """The command that mends a missing or damaged model."""
    return f"nuanye models fetch {name}"


def read_catalogue(path: Path = _CATALOGUE) -> tuple[Model, ...]:
    """Read a catalogue file. Raises ``ModelError`` naming the entry that is wrong."""
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = list(raw["models"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ModelError(f"{path.name} cannot be read ({type(error).__name__})") from error
    return tuple(_entry(path, item) for item in entries)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Model, ...]:
    """The catalogue that ships with Nuanye."""
    return read_catalogue()


def find(name: str, models: tuple[Model, ...] | None = None) -> Model:
    """Look a model up by name. Raises ``ModelError`` that lists the names there are."""
    known = catalogue() if models is None else models
    for model in known:
        if model.name == name:
            return model
    raise ModelError(f"no model is called {name}", hint="known: " + ", ".join(m.name for m in known))


def _entry(path: Path, item: Any) -> Model:
    try:
        values = dict(item)
        values["files"] = tuple(ModelFile(**file) for file in values.get("files", ()))
        for key in ("languages", "packages", "needs"):
            values[key] = tuple(values.get(key, ()))
        model = Model(**values)
    except (TypeError, ValueError) as error:
        name = item.get("name", "?") if isinstance(item, dict) else "?"
        raise ModelError(f"{path.name}: entry {name}: {error}") from error
    if bool(model.url) == bool(model.packages):
        raise ModelError(f"{path.name}: entry {model.name}: give either url or packages")
    return model
