"""Preparation from URLs and to URLs: the same clips as on disk, and a store that fails."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.dataset import ClipDataset
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.prepare import prepare_clips
from avfake.clips.sample import SampleConfig
from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest
from avfake.datasets.schema import load_spec
from avfake.errors import AvfakeError, StoreError
from avfake.faces.cropping import CropConfig
from avfake.storage.files import read_if_there
from avfake.storage.remote import as_path
from avfake.training.plan import gather

CONFIG = ClipConfig(num_frames=2, crop=CropConfig(size_px=64))


class FailingStore(MemoryFileSystem):  # type: ignore[misc]
    """A store of its own that stops to answer, as a network does."""

    protocol = "failing"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    broken: set[str] = set()
    """Parts of paths that it fails for."""
    puts_left: int | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("failing://", "memory://", 1)))

    def _check(self, path: str) -> None:
        if any(part in path for part in self.broken):
            raise ConnectionResetError("connection reset by peer")

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        self._check(path)
        return super()._open(path, mode=mode, **options)

    def cat_file(self, path: str, *range_: Any, **options: Any) -> bytes:
        self._check(path)
        return bytes(super().cat_file(path, *range_, **options))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        cls = type(self)
        if cls.puts_left is not None:
            cls.puts_left -= 1
            if cls.puts_left < 0:
                raise TimeoutError("the store does not answer")
        super().pipe_file(path, value, mode=mode, **options)


@pytest.fixture(autouse=True)
def _stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fsspec.register_implementation("failing", FailingStore, clobber=True)
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path / "cache"))
    yield
    for store in (MemoryFileSystem, FailingStore):
        store.store.clear()
        store.pseudo_dirs[:] = [""]
    FailingStore.broken, FailingStore.puts_left = set(), None


@pytest.fixture
def dataset(studio_root: Path, tmp_path: Path) -> Path:
    """Two families of the studio in the folder of the DFDC; the last fake lies in a zip."""
    root = tmp_path / "dfdc"
    root.mkdir()
    metadata = json.loads((studio_root / "metadata.json").read_text())
    originals = [name for name, row in metadata.items() if row["label"] == "REAL"][:2]
    rows = {n: r for n, r in metadata.items() if n in originals or r.get("original") in originals}
    for name in rows:
        shutil.copy(studio_root / name, root / name)
    zipped = [name for name in rows if name not in originals][-1]
    with zipfile.ZipFile(root / "more.zip", "w") as archive:
        archive.write(root / zipped, zipped)
        archive.writestr("../evil.mp4", b"x")
    (root / zipped).unlink()
    (root / "metadata.json").write_text(json.dumps(rows))
    return root


@pytest.fixture
def plain(dataset: Path, tmp_path: Path) -> PreparedFolder:
    return prepare_clips(manifest_of(dataset), tmp_path / "plain", CONFIG, workers=0)


def manifest_of(root: Path | str) -> Manifest:
    return build_manifest(load_spec("dfdc"), root)


def put(folder: Path, url: str) -> str:
    store, path = fsspec.core.url_to_fs(url)
    for file in folder.iterdir():
        store.pipe_file(f"{path}/{file.name}", file.read_bytes())
    return url


def contents(folder: PreparedFolder) -> dict[str, bytes | None]:
    """clip_id -> bytes of its archive; and status.csv."""
    archives = {clip.row.clip_id: read_if_there(clip.archive) for clip in folder.clips}
    return archives | {"status": read_if_there(folder.path / "status.csv")}


def test_urls_in_and_out_give_the_same_clips(
    dataset: Path, plain: PreparedFolder, tmp_path: Path
) -> None:
    root = put(dataset, "memory://bucket/dfdc")
    manifest = manifest_of(root)
    assert [r.clip_id for r in manifest.rows] == [r.clip_id for r in plain.manifest.rows]
    assert {r.path.partition("://")[0] for r in manifest.rows} == {"memory"}
    assert sum("more.zip!/" in row.path for row in manifest.rows) == 1
    assert any("../evil.mp4" in warning for warning in manifest.warnings)
    folder = prepare_clips(manifest, "memory://bucket/clips", CONFIG, workers=0)
    assert contents(folder) == contents(plain)
    assert len(folder.clips) == 8
    assert folder.manifest.rows == manifest.rows
    assert not (tmp_path / "cache").exists()  # writing needs no copies


def test_workers_write_to_a_url_themselves(
    dataset: Path, plain: PreparedFolder, tmp_path: Path
) -> None:
    manifest = manifest_of(f"file://{dataset}")
    folder = prepare_clips(manifest, f"file://{tmp_path}/out", CONFIG, workers=2)
    assert contents(folder) == contents(plain)
    written = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not any("partial" in name for name in written)


def test_training_reads_clips_behind_a_url_from_copies(
    dataset: Path, plain: PreparedFolder, tmp_path: Path
) -> None:
    folder = prepare_clips(manifest_of(dataset), "memory://bucket/clips", CONFIG, workers=0)
    there, here = (gather([f], assume_face_weight=0.0) for f in (folder, plain))
    batches = [
        ClipDataset([example.entry for example in examples], SampleConfig(num_frames=2))
        for examples in (there, here)
    ]
    for index in range(len(there)):
        one, other = (batch[index] for batch in batches)
        assert one["faces"].equal(other["faces"])
        assert one["sound"].equal(other["sound"])
    assert len([p for p in (tmp_path / "cache").rglob("*") if p.is_file()]) == len(there)
    MemoryFileSystem.store.clear()
    assert Clip.open(there[0].archive).meta.clip_id  # asked once, copied once


def test_a_file_in_an_archive_of_a_chain_is_prepared(
    dataset: Path, plain: PreparedFolder, tmp_path: Path
) -> None:
    manifest = manifest_of(dataset)
    row = next(row for row in manifest.rows if "more.zip!/" in row.path)
    inner = row.path.rpartition("!/")[2]
    chained = Manifest(
        (type(row)(row.clip_id, f"zip://{inner}::file://{dataset}/more.zip", label=True),), "dfdc"
    )
    folder = prepare_clips(chained, "memory://chained", CONFIG, workers=0)
    assert folder.statuses[row.clip_id]["status"] == "ok"
    gone = Manifest((type(row)("x.mp4", f"zip://none.mp4::file://{dataset}/more.zip"),), "dfdc")
    failed = prepare_clips(gone, "memory://gone", CONFIG, workers=0).statuses["x.mp4"]
    assert failed["reasons"].startswith("file:file_missing")


def test_a_run_that_was_cut_off_goes_on(
    dataset: Path, plain: PreparedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = manifest_of(dataset)
    save, saved = Clip.save, list[str]()

    def killed_at_the_fourth(clip: Clip, path: str) -> None:
        if len(saved) == 3:
            raise KeyboardInterrupt
        save(clip, path)
        saved.append(path)

    monkeypatch.setattr(Clip, "save", killed_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        prepare_clips(manifest, "memory://out", CONFIG, workers=0)
    assert len(as_path("memory://out/journal").files()) == 3
    with pytest.raises(AvfakeError, match="memory://out is not finished"):
        _ = PreparedFolder("memory://out").clips
    monkeypatch.setattr(Clip, "save", lambda clip, path: (saved.append(path), save(clip, path)))
    assert contents(prepare_clips(manifest, "memory://out", CONFIG, workers=0)) == contents(plain)
    assert len(saved) == len(set(saved)) == 8


def test_a_file_that_the_store_does_not_give_is_asked_for_again(
    dataset: Path, plain: PreparedFolder
) -> None:
    manifest = manifest_of(put(dataset, "failing://bucket"))
    name = next(row.clip_id for row in manifest.rows if row.label is False)
    FailingStore.broken = {name}
    folder = prepare_clips(manifest, "memory://out", CONFIG, workers=0)
    failed = {i: s["reasons"] for i, s in folder.statuses.items() if s["status"] == "failed"}
    assert failed == {name: "file:unreachable (ConnectionResetError: connection reset by peer)"}
    FailingStore.broken = set()
    again = prepare_clips(manifest, "memory://out", CONFIG, workers=0)
    assert contents(again) == contents(plain)  # fakes of that original have its boxes after all


def test_a_store_that_takes_no_more_ends_the_run_and_blames_no_file(
    dataset: Path, plain: PreparedFolder
) -> None:
    manifest = manifest_of(dataset)
    # clips.yaml, the manifest's two files, and archive and journal line of two clips
    FailingStore.puts_left = 7
    with pytest.raises(AvfakeError, match="does not answer; what was done is kept"):
        prepare_clips(manifest, "failing://out", CONFIG, workers=0)
    FailingStore.puts_left = 1 + 2  # the archive is put, its line is not
    with pytest.raises(AvfakeError, match="could not be written: TimeoutError: .* is kept"):
        prepare_clips(manifest, "failing://out", CONFIG, workers=0)
    FailingStore.puts_left = None
    assert len(as_path("failing://out/journal").files()) == 2
    assert contents(prepare_clips(manifest, "failing://out", CONFIG, workers=0)) == contents(plain)


def test_an_original_that_cannot_be_asked_for_ends_the_run(dataset: Path) -> None:
    manifest = manifest_of(dataset)
    original = next(row.clip_id for row in manifest.rows if row.label is False)
    genuine = Manifest(tuple(r for r in manifest.rows if r.label is False), "dfdc")
    prepare_clips(genuine, "failing://out", CONFIG, workers=0)
    FailingStore.broken = {f"archives/{original}"}
    with pytest.raises(AvfakeError, match="connection reset by peer; what was done is kept"):
        prepare_clips(manifest, "failing://out", CONFIG, workers=0)


def test_a_root_that_cannot_be_listed_is_named(dataset: Path) -> None:
    with pytest.raises(AvfakeError, match="memory://nowhere"):
        manifest_of("memory://nowhere")
    with pytest.raises(StoreError, match="nosuch://x"):
        manifest_of("nosuch://x")
    put(dataset, "failing://bucket")
    FailingStore.broken = {"metadata.json"}
    with pytest.raises(StoreError, match=r"metadata\.json: ConnectionResetError"):
        manifest_of("failing://bucket")


def test_a_bad_archive_behind_a_url_is_left_out_as_on_disk(dataset: Path) -> None:
    (dataset / "more.zip").write_bytes(b"no zip" * 100)
    warnings = manifest_of(put(dataset, "memory://bucket")).warnings
    assert any(w.startswith("more.zip: cannot be opened") for w in warnings)


def test_paths_on_disk_never_meet_fsspec(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "avfake.storage.remote._opened", lambda url: pytest.fail(f"asked for {url}")
    )
    monkeypatch.chdir(tmp_path)
    folder = prepare_clips(manifest_of(os.path.relpath(dataset)), "plain", CONFIG, workers=0)
    assert len(folder.clips) == 8
    assert (tmp_path / "plain/journal.jsonl").is_file()
