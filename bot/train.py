"""``python -m bot.train``: train the dialogue model when what it is made of has changed.

Models are kept under the cache folder by the hash of their inputs, so that going back to an
earlier state costs nothing. Rasa is only imported when there is something to train.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from core.errors import ModelError, NuanyeError
from core.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
# Sentences are not among them: the core reads them from their files (bot/sentences.py).
INPUTS = (
    "config.yml",
    "nlu_data",
    "dialogues/domain/domain.yml",
    "dialogues/rules",
    "dialogues/stories",
    "bot/components",
    "bot/chinese",
    "bot/retrieval/embed.py",
)
_SUFFIXES = {".yml", ".yaml", ".txt", ".py"}


def input_hash(root: Path = ROOT) -> str:
    """Return the hash of all files a model is made of, and of Rasa's version."""
    digest = hashlib.sha256(b"rasa 3.6.21")
    for path in _input_files(root):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def cached_model(settings: Settings, digest: str) -> Path:
    """Return where the model of these inputs lies, or would lie."""
    return settings.cache / "dialogue" / f"{digest}.tar.gz"


def ensure_model(settings: Settings, *, root: Path = ROOT, quiet: bool = False) -> Path:
    """Train if needed and return the model's path under ``settings.models_dir``.

    Raises:
        ModelError: training failed.
    """
    digest = input_hash(root)
    cached = cached_model(settings, digest)
    wanted = settings.models_dir / f"dialogue-{digest}.tar.gz"
    if not cached.exists():
        _train(cached, root, quiet=quiet)
    elif not quiet:
        _report("model is up to date")
    if not wanted.exists():
        settings.models_dir.mkdir(parents=True, exist_ok=True)
        _publish(cached, wanted)
    os.utime(wanted)  # the newest is served
    return wanted


def _train(target: Path, root: Path, *, quiet: bool) -> None:
    started = time.monotonic()
    if not quiet:
        _report("training the dialogue model (about a minute) ...")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from bot.quiet import quiet_training_logs, quieten

    quieten()
    quiet_training_logs()
    from rasa.model_training import train

    before, said = Path.cwd(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.chdir(root)  # paths in config.yml are relative to the repository
            with contextlib.redirect_stdout(said):
                result = train(
                    domain="dialogues/domain",
                    config="config.yml",
                    training_files=["nlu_data", "dialogues/rules", "dialogues/stories"],
                    output=folder,
                    fixed_model_name="dialogue",
                    force_training=True,
                )
        finally:
            os.chdir(before)
        if result.code != 0 or not result.model:
            sys.stderr.write(said.getvalue())
            raise ModelError("training failed", hint="rasa data validate shows what is wrong")
        target.parent.mkdir(parents=True, exist_ok=True)
        _publish(Path(result.model), target)
    if not quiet:
        _report(f"trained in {time.monotonic() - started:.0f} s")


def _publish(source: Path, target: Path) -> None:
    partial = target.with_suffix(f".{os.getpid()}.part")
    shutil.copyfile(source, partial)
    partial.replace(target)


def _input_files(root: Path) -> Iterable[Path]:
    for name in INPUTS:
        path = root / name
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (item for item in found if item.is_file() and item.suffix in _SUFFIXES)


def _report(message: str) -> None:
    sys.stdout.write(f"{message}\n")
    sys.stdout.flush()


def main() -> int:
    """Train when needed; returns the exit status."""
    try:
        _report(str(ensure_model(load_settings(os.environ))))
    except NuanyeError as error:
        sys.stderr.write(f"{error} {error.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
