"""The road from a file to a clip, with a detector whose answer is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from speaking import speech

from avfake.augment.config import AugmentConfig
from avfake.augment.pipeline import build_pipeline
from avfake.calibration.features import VOICE_STATISTICS
from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.clips.dataset import ClipDataset, ClipEntry, Draw, collate
from avfake.clips.sample import SampleConfig, Sampled
from avfake.clips.voice_statistics import voice_statistics
from avfake.errors import ConfigError, MediaError
from avfake.faces.types import Detections
from avfake.labels import Labels
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video

FPS, SECONDS, RATE = 10.0, 3.0, 16_000
CONFIG = ClipConfig(num_frames=8)


class FixedDetector:
    """Finds the same face in every frame, and counts how often it was asked."""

    name = "fixed"

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, frames: np.ndarray) -> list[Detections]:
        self.calls += 1
        box = np.array([[40, 30, 88, 90]], np.float32)
        points = np.array([[[52, 50], [76, 50], [64, 62], [54, 76], [74, 76]]], np.float32)
        return [Detections(box, np.ones(1, np.float32), points)] * len(frames)


class BlindDetector(FixedDetector):
    def detect(self, frames: np.ndarray) -> list[Detections]:
        nothing = np.zeros(0, np.float32)
        return [Detections(nothing.reshape(0, 4), nothing, nothing.reshape(0, 5, 2))] * len(frames)


def pictures(num_frames: int = int(FPS * SECONDS)) -> np.ndarray:
    generator = np.random.default_rng(0)
    frames = np.full((num_frames, 128, 128, 3), 90, np.uint8)
    frames[:, 30:90, 40:88] = generator.integers(120, 220, (60, 48, 3), np.uint8)
    return frames


def voice(seconds: float = SECONDS, level: float = 0.3) -> Waveform:
    return Waveform(speech(SECONDS, level=level).samples[: round(seconds * RATE)], RATE)


def tone(seconds: float = SECONDS, level: float = 0.3) -> Waveform:
    times = np.arange(round(seconds * RATE)) / RATE
    return Waveform((level * np.sin(2 * np.pi * 440 * times)).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "talk.mp4"
    write_video(path, pictures(), fps=FPS, waveform=voice())
    return path


@pytest.fixture(scope="module")
def clip(video: Path) -> Clip:
    return cut_clip(video, CONFIG, FixedDetector())


def test_a_clip_holds_the_face_the_sound_and_the_facts(clip: Clip) -> None:
    meta = clip.meta
    assert (meta.status, meta.reasons) == ("ok", ())
    assert (meta.media["width"], meta.media["height"]) == (128, 128)
    assert len(meta.frame_seconds) == 8
    assert [len(person.frame_indices) for person in meta.persons] == [8]
    assert clip.crop(0, 3).shape == (CONFIG.crop.size_px, CONFIG.crop.size_px, 3)
    waveform = clip.waveform()
    assert waveform is not None
    assert meta.sound_seconds == waveform.duration_seconds
    assert 0.7 * SECONDS < meta.sound_seconds <= SECONDS + 0.1
    lengths = [end - start for start, end in meta.speech_spans]
    assert sum(lengths) == pytest.approx(meta.sound_seconds, abs=1e-3)


def test_a_saved_clip_is_the_clip_in_memory(clip: Clip, tmp_path: Path) -> None:
    clip.save(tmp_path / "deep" / "a.zip")
    again = Clip.open(tmp_path / "deep" / "a.zip")
    assert again.meta == clip.meta
    assert np.array_equal(again.crop(0, 0), clip.crop(0, 0))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.zip"]


def test_cutting_twice_gives_the_same_bytes(video: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        cut_clip(video, CONFIG, FixedDetector()).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_fake_takes_the_boxes_of_its_original(video: Path, clip: Clip) -> None:
    detector = FixedDetector()
    fake = cut_clip(video, CONFIG, detector, boxes_from=clip)
    assert detector.calls == 0
    assert fake.meta.persons == clip.meta.persons


def test_frames_that_are_too_large_to_be_kept_give_the_same_clip(
    video: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (clip.meta.media["height"], clip.meta.media["width"])
    monkeypatch.setattr("avfake.clips.cut.MAX_PIXEL_BYTES", 3 * 3 * shape[0] * shape[1])
    detector = FixedDetector()
    assert cut_clip(video, CONFIG, detector)._source == clip._source
    assert detector.calls == 3  # 3, 3 and 2 of 8 frames
    reused = cut_clip(video, CONFIG, FixedDetector(), boxes_from=clip)
    assert reused._source == clip._source


def test_boxes_of_another_size_are_not_taken(clip: Clip, tmp_path: Path) -> None:
    write_video(tmp_path / "small.mp4", pictures()[:, ::2, ::2], fps=FPS)
    detector = FixedDetector()
    cut_clip(tmp_path / "small.mp4", CONFIG, detector, boxes_from=clip)
    assert detector.calls == 1


@pytest.mark.parametrize(
    ("name", "reasons", "status"),
    [
        ("faceless", ["face:no_face"], "partial"),
        ("mute", ["voice:no_audio"], "partial"),
        ("silent", ["voice:silent_audio"], "partial"),
        ("tone", ["voice:no_speech"], "partial"),
        ("short", ["face:few_frames", "voice:too_short"], "partial"),
        ("sound.wav", ["face:no_video"], "partial"),
        ("nothing", ["face:no_face", "voice:no_audio"], "failed"),
    ],
)
def test_what_cannot_be_judged_is_a_reason(
    tmp_path: Path, name: str, reasons: list[str], status: str
) -> None:
    path = tmp_path / (name if "." in name else f"{name}.mp4")
    if name == "sound.wav":
        write_audio(path, voice())
    else:
        sound = {"mute": None, "nothing": None, "silent": voice(level=0.0), "short": voice(0.1)}
        sound["tone"] = tone()
        count = 1 if name == "short" else 30
        write_video(path, pictures(count), fps=FPS, waveform=sound.get(name, voice()))
    blind = name in ("faceless", "nothing")
    found = cut_clip(path, CONFIG, BlindDetector() if blind else FixedDetector())
    assert [str(reason) for reason in found.meta.reasons] == reasons
    assert found.meta.status == status


class CrowdDetector(FixedDetector):
    """Finds nine faces of equal size in rows of three."""

    def detect(self, frames: np.ndarray) -> list[Detections]:
        corners = np.array([[x, y] for y in (4, 44, 84) for x in (4, 44, 84)], np.float32)
        boxes = np.concatenate([corners, corners + 36], axis=1)
        points = corners[:, None] + np.float32([[10, 12], [26, 12], [18, 20], [12, 28], [24, 28]])
        return [Detections(boxes, np.ones(9, np.float32), points)] * len(frames)


def test_every_person_of_a_crowd_is_kept_with_fewer_crops_each(video: Path) -> None:
    meta = cut_clip(video, CONFIG, CrowdDetector()).meta
    assert meta.reasons == ()
    assert [len(person.frame_indices) for person in meta.persons] == [3] * 9  # 4 * 8 // 9
    meta = cut_clip(video, replace(CONFIG, max_crops_per_frame=1), CrowdDetector()).meta
    assert [len(person.frame_indices) for person in meta.persons] == [1] * 9


def test_persons_beyond_the_limit_are_counted(video: Path) -> None:
    meta = cut_clip(video, replace(CONFIG, max_persons=4), CrowdDetector()).meta
    assert len(meta.persons) == 4
    assert [reason.short for reason in meta.reasons] == ["face:persons_left_out (5 of 9)"]
    assert meta.status == "partial"


def test_a_broken_file_is_a_media_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "words.mp4"
    path.write_text("this is not a video")
    with pytest.raises(MediaError, match=r"words\.mp4.*not a video or sound file"):
        cut_clip(path, CONFIG, FixedDetector())


def test_the_hash_follows_every_setting() -> None:
    assert replace(CONFIG, jpeg_quality=90).hash != CONFIG.hash
    assert replace(CONFIG, crop=replace(CONFIG.crop, margin=0.2)).hash != CONFIG.hash
    assert ClipConfig(num_frames=8).hash == CONFIG.hash
    with pytest.raises(ConfigError, match=r"clip.num_frames must be in \[1, 1000\], got 0"):
        ClipConfig(num_frames=0)


def test_voice_statistics_are_those_the_stacker_knows() -> None:
    statistics = voice_statistics(tone())
    assert set(statistics) == set(VOICE_STATISTICS)
    assert statistics["centroid_mean"] == pytest.approx(440, rel=0.1)
    assert statistics["high_band_share"] < 0.01


def test_windows_tile_the_sound_and_short_sound_is_repeated(clip: Clip) -> None:
    whole = Sampled.of(clip, SampleConfig(window_seconds=1.0))
    assert whole.sound.shape[1] == RATE
    first, last = clip.meta.speech_spans[0][0], clip.meta.speech_spans[-1][1]
    assert whole.window_spans[0, 0] == pytest.approx(first, abs=1e-3)
    assert whole.window_spans[-1, 1] == pytest.approx(last, abs=1e-3)
    assert np.all(np.diff(whole.window_spans[:, 0]) > 0)
    long = Sampled.of(clip, SampleConfig(window_seconds=4.0))
    assert long.sound.shape == (4, 4 * RATE)
    np.testing.assert_allclose(long.window_spans, [[first, last]] * 4, atol=1e-3)
    waveform = clip.waveform()
    assert waveform is not None
    quarter = len(waveform.samples) // 4
    np.testing.assert_array_equal(long.sound[0, quarter : 2 * quarter], long.sound[1, :quarter])
    assert np.abs(long.sound[0, -RATE // 2 :]).max() > 0.1


def test_landmarks_lie_in_the_crop_where_the_face_shows_them(clip: Clip) -> None:
    sampled = Sampled.of(clip, SampleConfig(num_frames=4, crop=CONFIG.crop))
    assert sampled.landmarks.shape == (4, 5, 2)
    person, position = sampled.picks[1]
    track = clip.meta.persons[person].as_track()
    x0, y0, x1, _ = track.squares(CONFIG.crop)[position]
    back = sampled.landmarks[1] * (x1 - x0) / CONFIG.crop.size_px + [x0, y0]
    np.testing.assert_allclose(back, track.landmarks[position], atol=1e-3)


def test_the_sound_around_a_crop_has_its_moment_in_the_middle(clip: Clip) -> None:
    sampled = Sampled.of(clip, SampleConfig(num_frames=4, crop_sound_seconds=0.4))
    waveform = clip.waveform()
    assert waveform is not None
    assert sampled.crop_sound.shape == (4, round(0.4 * RATE))
    start, end = max(clip.meta.speech_spans, key=lambda span: span[1] - span[0])
    which = int(np.abs(sampled.crop_seconds - (start + end) / 2).argmin())
    moment = float(sampled.crop_seconds[which])
    assert start + 0.2 < moment < end - 0.2
    before = sum(e - s for s, e in clip.meta.speech_spans if e <= start)
    middle = round((moment - start + before) * RATE)
    half = sampled.crop_sound.shape[1] // 2
    near = [waveform.samples[middle + k - half :][: 2 * half] for k in (-1, 0, 1)]
    assert any(np.array_equal(sampled.crop_sound[which], one) for one in near)
    long = Sampled.of(clip, SampleConfig(num_frames=4, crop_sound_seconds=20.0))
    assert not long.crop_sound[0, : 7 * RATE].any()
    assert Sampled.of(clip, SampleConfig(num_frames=4)).crop_sound.shape == (4, 0)


def test_a_mirrored_crop_mirrors_its_landmarks(clip: Clip, tmp_path: Path) -> None:
    clip.save(tmp_path / "a.zip")
    sampling = SampleConfig(use_audio=False, crop=CONFIG.crop)
    entries = [ClipEntry(tmp_path / "a.zip")] * 20
    plain = ClipDataset(entries, sampling)[0]
    flipping = ClipDataset(entries, sampling, seed=0, augment=build_pipeline(AugmentConfig()))
    flipped = next(
        item for i in range(20) if not torch.equal((item := flipping[i])["faces"], plain["faces"])
    )
    assert torch.equal(flipped["faces"].flip(-1), plain["faces"])
    left_eye, right_eye = flipped["landmarks"][0, :2, 0]
    assert left_eye < right_eye
    assert right_eye == pytest.approx(CONFIG.crop.size_px - float(plain["landmarks"][0, 0, 0]))


def test_draws_depend_on_seed_epoch_and_index_alone(clip: Clip, tmp_path: Path) -> None:
    clip.save(tmp_path / "a.zip")
    entries = [ClipEntry(tmp_path / "a.zip")] * 2
    sampling = SampleConfig(num_frames=3, num_windows=1, window_seconds=1.0)

    def draw(seed: int, epoch: int, index: int) -> torch.Tensor:
        item = ClipDataset(entries, sampling, seed=seed)[Draw(epoch, index, index)]
        sound: torch.Tensor = item["sound"]
        return sound

    assert torch.equal(draw(1, 2, 0), draw(1, 2, 0))
    assert not torch.equal(draw(1, 2, 0), draw(1, 3, 0))
    assert not torch.equal(draw(1, 2, 0), draw(1, 2, 1))


def test_a_batch_pads_and_masks_what_is_missing(clip: Clip, video: Path, tmp_path: Path) -> None:
    clip.save(tmp_path / "both.zip")
    cut_clip(video, CONFIG, BlindDetector()).save(tmp_path / "sound_only.zip")
    entries = [
        ClipEntry(tmp_path / "sound_only.zip", Labels(1, 0, 1), Labels(1, 0, 1)),
        ClipEntry(tmp_path / "both.zip", Labels(), Labels(1, 1, 1)),
    ]
    dataset = ClipDataset(entries, SampleConfig(num_frames=4, window_seconds=1.0))
    batch = collate([dataset[0], dataset[1]])
    size = CONFIG.crop.size_px
    assert batch["faces"].shape == (2, 4, 3, size, size)
    assert batch["faces_mask"].tolist() == [[False] * 4, [True] * 4]
    assert batch["landmarks"].shape == (2, 4, 5, 2)
    assert batch["persons"].tolist() == [[0] * 4] * 2
    assert "crop_sound" not in batch
    assert batch["sound_mask"].all()
    assert batch["weights"].tolist() == [[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
    mute = SampleConfig(num_frames=4, use_audio=False)
    assert "sound" not in collate([ClipDataset(entries, mute)[1]])
