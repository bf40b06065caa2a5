"""The model catalogue, its folder and the downloader, against a server on loopback."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.errors import ModelError
from core.settings import Settings, load_settings
from voice.catalogue import Model, catalogue, find, read_catalogue
from voice.download import ModelFetcher, unpack
from voice.engines.factory import choose_recognizer, make_recognizer
from voice.models import ModelStore, missing_models, prepare_models


def archive_bytes(members: dict[str, bytes]) -> bytes:
    """A zip with these members under one top folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in members.items():
            target.writestr(f"model-1.0/{name}", content)
    return buffer.getvalue()


CONTENT = archive_bytes(
    {"am/final.mdl": bytes(range(256)) * 2000, "conf/mfcc.conf": b"--x", "graph/a.fst": b"g"}
)


class Publisher:
    """A vendor's site: serves one file, can break off, ignore ranges or change the file."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.break_after: list[int] = []
        self.ranges = True
        self.status = 200
        self.seen: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.headers.get("Range", ""))
        if self.status != 200:
            return web.Response(status=self.status)
        etag = f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'
        start, status = 0, 200
        if (
            self.ranges
            and (asked := request.headers.get("Range"))
            and request.headers.get("If-Range") == etag
        ):
            start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
        if start >= len(self.content) > 0 and status == 206:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.content)}"})
        response = web.StreamResponse(status=status, headers={"ETag": etag})
        response.content_length = len(self.content) - start
        await response.prepare(request)
        body = self.content[start:]
        if self.break_after:
            await response.write(body[: self.break_after.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(body)
        return response


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    """The site, on a free port."""
    site = Publisher()
    app = web.Application()
    app.router.add_get("/{name}", site.handle)
    async with TestServer(app) as server:
        site.url = str(server.make_url("/model-1.0.zip"))
        yield site


@pytest.fixture
def model(publisher: Publisher) -> Model:
    """A catalogue entry for the site's file."""
    return Model(
        name="small",
        engine="vosk",
        title="t",
        licence="MIT",
        service=True,
        size_mb=1,
        url=publisher.url,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        needs=("**/final.mdl", "**/*.fst"),
    )


def fetcher(store: ModelStore) -> ModelFetcher:
    """A downloader that does not wait between tries."""
    return ModelFetcher(store, retry_wait_s=0.0, stall_s=2.0)


@pytest.mark.net
async def test_a_model_is_fetched_verified_and_ready(
    publisher: Publisher, model: Model, tmp_path: Path
) -> None:
    """The archive's top folder is stripped, progress ends at the size, verify is content afterwards."""
    store = ModelStore(tmp_path)
    seen: list[tuple[int, int]] = []
    got = await fetcher(store).fetch(model, lambda done, total: seen.append((done, total)))
    assert (got.folder / "am" / "final.mdl").stat().st_size == 512_000
    assert got.pinned
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert store.require("small", (model,)) == got.folder
    store.verify(model)
    assert list((tmp_path / ".downloads").iterdir()) == []


@pytest.mark.net
async def test_an_interrupted_download_goes_on_where_it_stopped(
    publisher: Publisher, model: Model, tmp_path: Path
) -> None:
    """After two broken connections only the missing bytes are asked for, and the digest still fits."""
    publisher.break_after = [1000, 500]
    await fetcher(ModelStore(tmp_path)).fetch(model)
    assert publisher.seen[0] == ""
    offsets = [int(item.removeprefix("bytes=").removesuffix("-")) for item in publisher.seen[1:]]
    assert len(offsets) == 2
    assert 0 < offsets[0] < offsets[1] <= 1500


@pytest.mark.net
async def test_a_later_command_resumes_too(publisher: Publisher, model: Model, tmp_path: Path) -> None:
    """A download given up after its tries leaves its part, and the next command continues it."""
    publisher.break_after = [700] * 5
    with pytest.raises(ModelError, match="could not be fetched") as caught:
        await fetcher(ModelStore(tmp_path)).fetch(model)
    assert "internet" in caught.value.hint
    publisher.seen.clear()
    await fetcher(ModelStore(tmp_path)).fetch(model)
    assert publisher.seen[0].startswith("bytes=")


@pytest.mark.net
async def test_a_changed_file_is_not_glued_to_the_old_head(
    publisher: Publisher, model: Model, tmp_path: Path
) -> None:
    """When the publisher's file changes between two tries, the download starts from the beginning."""
    publisher.break_after = [700] * 5
    with pytest.raises(ModelError):
        await fetcher(ModelStore(tmp_path)).fetch(model)
    publisher.content = archive_bytes({"am/final.mdl": b"new" * 9000, "graph/a.fst": b"g"})
    changed = replace(model, sha256=hashlib.sha256(publisher.content).hexdigest())
    got = await fetcher(ModelStore(tmp_path)).fetch(changed)
    assert (got.folder / "am" / "final.mdl").read_bytes() == b"new" * 9000


@pytest.mark.net
async def test_a_wrong_digest_is_refused_and_forgotten(
    publisher: Publisher, model: Model, tmp_path: Path
) -> None:
    """An archive that is not the catalogue's is removed; nothing is installed."""
    wrong = replace(model, sha256="0" * 64)
    with pytest.raises(ModelError, match="digest"):
        await fetcher(ModelStore(tmp_path)).fetch(wrong)
    assert not ModelStore(tmp_path).present(wrong)
    assert list((tmp_path / ".downloads").iterdir()) == []


@pytest.mark.net
@pytest.mark.parametrize("status", [404, 403])
async def test_a_moved_file_is_reported_at_once(
    publisher: Publisher, model: Model, tmp_path: Path, status: int
) -> None:
    """A 4xx answer is final: one try, and the message names the status."""
    publisher.status = status
    with pytest.raises(ModelError, match=str(status)):
        await fetcher(ModelStore(tmp_path)).fetch(model)
    assert len(publisher.seen) == 1


@pytest.mark.net
async def test_offline_is_said_clearly(model: Model, tmp_path: Path, free_port: Callable[[], int]) -> None:
    """With nobody answering, the error says how a machine without internet gets the model."""
    offline = replace(model, url=f"http://127.0.0.1:{free_port()}/m.zip")
    with pytest.raises(ModelError) as caught:
        await fetcher(ModelStore(tmp_path)).fetch(offline)
    assert str(tmp_path / "small") in caught.value.hint


@pytest.mark.net
async def test_an_archive_without_the_needed_files_is_not_installed(
    publisher: Publisher, model: Model, tmp_path: Path
) -> None:
    """A well-formed archive of something else leaves no model behind."""
    publisher.content = archive_bytes({"readme.txt": b"hello"})
    other = replace(model, sha256="")
    with pytest.raises(ModelError, match="lacks"):
        await fetcher(ModelStore(tmp_path)).fetch(other)
    assert not ModelStore(tmp_path).directory(other).exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_cannot_write_outside_their_folder(tmp_path: Path, kind: str) -> None:
    """A member called ../evil is refused in both formats."""
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../evil", b"x")
    else:
        with tarfile.open(path, "w:bz2") as archive:
            info = tarfile.TarInfo("../evil")
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    target = tmp_path / "in"
    target.mkdir()
    with pytest.raises(ModelError, match="out of its folder"):
        unpack(path, target)
    assert not (tmp_path / "evil").exists()


@pytest.mark.net
async def test_damage_after_installation_names_the_command(
    publisher: Publisher, model: Model, tmp_path: Path
) -> None:
    """A file cut short later is noticed on use, and the hint is the command that mends it."""
    store = ModelStore(tmp_path)
    got = await fetcher(store).fetch(model)
    (got.folder / "am" / "final.mdl").write_bytes(b"short")
    with pytest.raises(ModelError, match=r"final\.mdl") as caught:
        store.require("small", (model,))
    assert caught.value.hint == "nuanye models fetch small"
    await fetcher(store).fetch(model)
    assert store.require("small", (model,)) == got.folder


def test_the_catalogue_is_complete_and_honest() -> None:
    """Every entry states a licence, and what is for demonstrations only says so."""
    names = [model.name for model in catalogue()]
    assert len(set(names)) == len(names)
    assert {"whisper-base", "vosk-small-cn-0.22"} <= set(names)
    assert not find("whisper-base").service
    assert all(model.licence and (model.sha256 or model.files or model.url) for model in catalogue())
    with pytest.raises(ModelError) as caught:
        find("nothing")
    assert "whisper-base" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["models: 3", "[", "models: [{name: a}]", "models: [{name: a, colour: red}]", "other: []"]
)
def test_a_broken_catalogue_is_a_model_error(tmp_path: Path, text: str) -> None:
    """Wrong YAML, missing and unknown keys are one kind of error, never a traceback."""
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"models\.yaml"):
        read_catalogue(path)


def _settings(tmp_path: Path, **values: str) -> Settings:
    environ = {f"NUANYE_{key.upper()}": value for key, value in values.items()}
    return load_settings({"NUANYE_CACHE_DIR": str(tmp_path), **environ})


def test_the_parts_in_the_packages_become_the_published_model(tmp_path: Path) -> None:
    """The two packages' halves join to the pinned digest; afterwards nothing is missing."""
    settings = _settings(tmp_path)
    assert missing_models(settings) == ("whisper-base",)
    assert prepare_models(settings, lambda _line: None) == ("whisper-base",)
    assert missing_models(settings) == ()
    ModelStore(tmp_path / "models").verify(find("whisper-base"))


def test_half_a_package_is_reported(tmp_path: Path) -> None:
    """A model whose packages are not installed says what to fetch."""
    gone = replace(find("whisper-base"), name="gone", packages=("no_such_package_here",))
    with pytest.raises(ModelError) as caught:
        ModelStore(tmp_path).require("gone", (gone,))
    assert caught.value.hint == "nuanye models fetch gone"


@pytest.mark.parametrize(
    ("engine", "model"), [("vosk", "vosk-small-cn-0.22"), ("sherpa", "sherpa-paraformer-yue")]
)
def test_an_engine_without_its_model_names_the_command(tmp_path: Path, engine: str, model: str) -> None:
    """Asking for an engine whose model was never fetched is one clear error."""
    settings = _settings(tmp_path, recognizer=engine)
    assert missing_models(settings) == (model,)
    with pytest.raises(ModelError) as caught:
        make_recognizer(settings)
    assert caught.value.hint == f"nuanye models fetch {model}"


def test_auto_prefers_a_vosk_model_that_is_there(tmp_path: Path) -> None:
    """Without a fetched Vosk model Whisper is taken, with a configured one Vosk."""
    assert choose_recognizer(_settings(tmp_path)) == "whisper"
    assert choose_recognizer(_settings(tmp_path, vosk_model=str(tmp_path))) == "vosk"


@pytest.mark.parametrize("spoilt", ["empty", "garbage"])
def test_a_corrupt_vosk_folder_is_an_error_not_a_crash(tmp_path: Path, spoilt: str) -> None:
    """Empty files never reach libvosk; garbage that does is reported, with the command."""
    for name in ("am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"" if spoilt == "empty" else b"\x00garbage")
    with pytest.raises(ModelError) as caught:
        make_recognizer(_settings(tmp_path, recognizer="vosk", vosk_model=str(tmp_path)))
    assert caught.value.hint == "nuanye models fetch vosk-small-cn-0.22"
