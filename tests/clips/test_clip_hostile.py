"""Archives of clips that avfake did not write are refused with a reason."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from avfake.clips import Clip, PreparedFolder
from avfake.errors import MediaError


@pytest.fixture
def members(prepared: PreparedFolder) -> dict[str, bytes]:
    clip = next(one for one in prepared.clips if one.has_visual and one.has_audio)
    with zipfile.ZipFile(Path(str(clip.archive))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> Clip:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in members.items():
            archive.writestr(name, one)
    return Clip.open(content.getvalue())


def read_all(clip: Clip) -> None:
    assert clip.meta
    clip.crops()
    clip.waveform()


def test_an_undamaged_one_is_read(members: dict[str, bytes]) -> None:
    read_all(packed(members))


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.update(sound_seconds=1e9),
        lambda meta: meta.update(sound_seconds="long"),
        lambda meta: meta.update(frame_seconds=[float("nan")] * len(meta["frame_seconds"])),
        lambda meta: meta.update(persons=[{}]),
        lambda meta: meta.update(reasons=[{"part": "face", "code": "none of ours"}]),
        lambda meta: meta["persons"][0].update(frame_indices=[99]),
        lambda meta: meta["persons"][0]["boxes"].pop(),
        lambda meta: meta.update(speech_spans=[[1.0]]),
        lambda meta: meta.update(status="splendid"),
        lambda meta: meta.update(media=5),
    ],
)
def test_facts_that_cannot_be(
    members: dict[str, bytes], change: Callable[[dict[str, object]], object]
) -> None:
    meta = json.loads(members["meta.json"])
    change(meta)
    with pytest.raises(MediaError, match="not a prepared clip"):
        read_all(packed(members | {"meta.json": json.dumps(meta).encode()}))


def test_pictures_and_sound_that_are_none(members: dict[str, bytes]) -> None:
    crop = next(name for name in members if name.endswith(".jpg"))
    for name in (crop, "sound.flac", "meta.json"):
        for content in (b"", members[name][:100], members[name][50:], b"[" * 100_000):
            with pytest.raises(MediaError, match="not a prepared clip"):
                read_all(packed(members | {name: content}))


def test_a_member_that_unpacks_to_too_much(
    members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avfake.clips.archive.MAX_MEMBER_BYTES", 1_000_000)
    with pytest.raises(MediaError, match="meta.json is too large"):
        read_all(packed(members | {"meta.json": bytes(2_000_000)}))
