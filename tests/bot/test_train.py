"""When a model is trained, and when the cache makes that unnecessary."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.train import INPUTS, ROOT, cached_model, ensure_model, input_hash
from core.settings import Settings


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all that a model is made of."""
    for name in INPUTS:
        source, target = ROOT / name, tmp_path / "copy" / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return tmp_path / "copy"


@pytest.mark.parametrize(
    "name", ["config.yml", "nlu_data/general.yml", "dialogues/domain/domain.yml", "bot/chinese/text.py"]
)
def test_every_kind_of_input_counts(copy: Path, name: str) -> None:
    """A changed character in any input asks for a new model."""
    before = input_hash(copy)
    with (copy / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert input_hash(copy) != before


def test_files_that_are_no_input_do_not_count(copy: Path) -> None:
    """A compiled file leaves the hash alone."""
    before = input_hash(copy)
    (copy / "bot/chinese/text.cpython-311.pyc").write_bytes(b"x")
    assert input_hash(copy) == before


def test_a_cached_model_is_published_without_training(tmp_path: Path) -> None:
    """The cache's file is copied under its own name, which is the newest then."""
    settings = Settings(cache_dir=tmp_path / "cache", models_dir=tmp_path / "models")
    cached = cached_model(settings, input_hash())
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"model")
    (tmp_path / "models").mkdir()
    older = tmp_path / "models" / "dialogue-other.tar.gz"
    older.write_bytes(b"older")
    os.utime(older, (1, 1))
    published = ensure_model(settings, quiet=True)
    assert published.read_bytes() == b"model"
    assert published.stat().st_mtime > older.stat().st_mtime


def test_an_unchanged_model_costs_nearly_nothing(tmp_path: Path) -> None:
    """Skipping does not import Rasa."""
    settings = Settings(cache_dir=tmp_path / "cache", models_dir=tmp_path / "models")
    cached = cached_model(settings, input_hash())
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"model")
    code = "import sys, bot.train; status = bot.train.main(); print('rasa' in sys.modules, status)"
    environ = {
        "PATH": os.environ["PATH"],
        "NUANYE_CACHE_DIR": str(tmp_path / "cache"),
        "NUANYE_MODELS_DIR": str(tmp_path / "models"),
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["False", "0"]
    assert time.monotonic() - started < 10
