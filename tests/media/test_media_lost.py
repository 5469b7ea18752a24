"""A file that goes away while it is read is not taken for one that ends there."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from avfake.clips.config import ClipConfig
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.manifest import Manifest, Row
from avfake.errors import MediaError
from avfake.faces.cropping import CropConfig
from avfake.media import containers, opening
from avfake.scoring.files import score_files


class LostAfter:
    """A container whose file goes away after some packets."""

    def __init__(self, container: Any, num_packets: int, error: int) -> None:
        self.container, self.num_packets, self.error = container, num_packets, error
        self.name = container.name

    def demux(self, *streams: Any) -> Iterator[Any]:
        for number, packet in enumerate(self.container.demux(*streams)):
            if number == self.num_packets:
                raise av.error.FFmpegError(self.error, "the disk is gone")
            yield packet


@pytest.fixture
def video(studio_root: Path) -> Path:
    return min(studio_root.glob("*.mp4"))


@pytest.mark.parametrize("error", [errno.ESTALE, errno.ETIMEDOUT])
def test_a_lost_file_is_unreachable(video: Path, error: int) -> None:
    with av.open(str(video)) as container, pytest.raises(MediaError) as raised:
        list(containers.every_packet(LostAfter(container, 5, error)))  # type: ignore[arg-type]
    assert raised.value.reason.code == "unreachable"


@pytest.mark.parametrize("is_there", [True, False])
def test_an_error_of_reading_is_damage_where_the_file_can_be_read(
    video: Path, is_there: bool
) -> None:
    with av.open(str(video)) as container:
        lost: Any = LostAfter(container, 5, errno.EIO)
        if is_there:
            assert 0 < len(list(containers.every_packet(lost))) <= 5
            return
        lost.name = str(video.with_name("gone.mp4"))
        with pytest.raises(MediaError, match="could not be fetched"):
            list(containers.every_packet(lost))


def test_a_file_that_goes_away_between_two_readings_is_missing(
    tmp_path: Path,
) -> None:
    with pytest.raises(MediaError) as raised:
        containers.open_container(tmp_path / "gone.mp4", name="gone.mp4")
    assert raised.value.reason.code == "file_missing"


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], Any]:
    """A context in which a file goes away while its "video", its "audio" or "any" is read."""

    @contextmanager
    def losing(file: Path, kind: str) -> Iterator[None]:
        def packets(container: Any, *streams: Any) -> Iterator[Any]:
            if container.name == str(file) and kind in ("any", *(one.type for one in streams)):
                container = LostAfter(container, 7, errno.ESTALE)
            return containers.every_packet(container, *streams)

        with monkeypatch.context() as patch:
            patch.setattr(opening, "every_packet", packets)
            yield

    return losing


LOST = [("any", "failed"), ("audio", "partial"), ("video", "partial")]


@pytest.mark.parametrize(("kind", "status"), LOST)
def test_a_lost_file_is_a_row_and_is_scored_again_when_it_is_back(
    kind: str, status: str, studio_root: Path, detector_folder: Path, tmp_path: Path, lose: Any
) -> None:
    files, detector = sorted(studio_root.glob("*.mp4"))[:2], str(detector_folder)
    score_files(files, detector, tmp_path / "calm.csv", workers=0)
    with lose(files[1], kind):
        table = score_files(files, detector, tmp_path / "scores.csv", workers=0)
    assert [row["status"] for row in table.rows] == ["ok", status]
    assert (table.rows[1]["p_fake"] is None) == (kind == "any")
    assert "unreachable" in table.rows[1]["reasons"]
    score_files(files, detector, tmp_path / "scores.csv", workers=0)
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "calm.csv").read_bytes()


@pytest.mark.parametrize(("kind", "status"), LOST)
def test_a_lost_file_is_prepared_again_when_it_is_back(
    kind: str, status: str, studio_root: Path, tmp_path: Path, lose: Any
) -> None:
    config = ClipConfig(num_frames=2, crop=CropConfig(size_px=64))
    file = min(studio_root.glob("*.mp4"))
    manifest = Manifest((Row("a.mp4", str(file), label=False),), "any")
    with lose(file, kind):
        folder = prepare_clips(manifest, tmp_path / "clips", config, workers=0)
    assert folder.statuses["a.mp4"]["status"] == status
    assert "unreachable" in folder.statuses["a.mp4"]["reasons"]
    again = prepare_clips(manifest, tmp_path / "clips", config, workers=0)
    assert again.statuses["a.mp4"]["status"] == "ok"
    assert len(again.clips) == 1
