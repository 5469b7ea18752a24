"""What of a sound is speech: nothing but speech is found, and pauses change nothing."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from non_speech import melody, non_speech
from real_media import REAL_MEDIA
from speaking import speech

from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.clips.sample import SampleConfig, Sampled, Timeline
from avfake.clips.silero_vad import FRAME, SileroVAD, speech_probabilities
from avfake.clips.speech import Span, SpeechConfig, find_speech, spread_spans
from avfake.errors import ConfigError
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

RATE = 16_000
CONFIG = SpeechConfig()
WEIGHTS = ("weight", "bias")


def spans_of(samples: np.ndarray) -> list[Span]:
    return find_speech(samples, RATE, CONFIG)


def kept(samples: np.ndarray) -> np.ndarray:
    return np.concatenate([samples[start:end] for start, end in spans_of(samples)])


PARTS = {
    "stft_conv.weight": "stft.forward_basis_buffer",
    **{f"conv{i + 1}.{w}": f"encoder.{i}.reparam_conv.{w}" for i in range(4) for w in WEIGHTS},
    **{f"lstm.{w}_{k}_l0": f"decoder.rnn.{w}_{k}" for w in WEIGHTS for k in ("ih", "hh")},
    **{f"final_conv.{w}": f"decoder.decoder.2.{w}" for w in WEIGHTS},
}
"""Our names of the weights -> those of the package's TorchScript model."""


def test_the_network_computes_what_the_package_computes() -> None:
    spec = find_spec("silero_vad")
    assert spec is not None
    assert spec.origin is not None
    with warnings.catch_warnings(action="ignore"):  # loading TorchScript is deprecated
        theirs = torch.jit.load(Path(spec.origin).parent / "data" / "silero_vad.jit")
    ours, weights = SileroVAD(), theirs.state_dict()
    ours.load_state_dict({name: weights[f"_model.{part}"] for name, part in PARTS.items()})
    samples = np.concatenate([speech(1.5).samples, non_speech(3)[1][:RATE]])
    samples = samples[: len(samples) // FRAME * FRAME]
    with torch.inference_mode():
        expected = [float(theirs(part[None], RATE)) for part in torch.tensor(samples).split(FRAME)]
    found = speech_probabilities(samples, ours)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert max(expected) > 0.9 > 0.1 > min(expected)


def test_no_sound_without_a_voice_has_speech() -> None:
    found = [non_speech(seed)[0] for seed in range(200) if spans_of(non_speech(seed)[1])]
    assert found == []


def test_speech_is_found_at_any_level_and_rate() -> None:
    loud = speech(3.0, seed=1).samples
    expected = spans_of(loud)
    assert sum(end - start for start, end in expected) > 2 * RATE
    assert spans_of(0.01 * loud) == expected
    assert spans_of(loud + np.float32(0.2)) != []
    other = speech(3.0, seed=1, sample_rate=24_000)
    spans = find_speech(other.samples, other.sample_rate, CONFIG)
    assert sum(end - start for start, end in spans) / 24_000 > 2


@pytest.mark.parametrize("level", [0.0, 1.0 / 32768])
def test_a_pause_of_silence_changes_nothing_that_is_kept(level: float) -> None:
    samples, rng = speech(3.0, seed=4).samples, np.random.default_rng(0)
    middle = int(np.abs(samples[RATE : 2 * RATE]).argmax()) + RATE

    def pause(seconds: float) -> np.ndarray:
        return (level * rng.choice([-1, 1], round(seconds * RATE))).astype(np.float32)

    for other in (
        np.concatenate([pause(2), samples]),
        np.concatenate([samples, pause(2)]),
        np.concatenate([samples[:middle], pause(4), samples[middle:]]),
    ):
        found, expected = kept(other), kept(samples)
        assert abs(len(found) - len(expected)) <= 0.02 * RATE
        if not level:
            np.testing.assert_array_equal(found, expected)


def test_a_noisy_pause_is_left_out_but_for_its_edges() -> None:
    samples, rng = speech(3.0, seed=4).samples, np.random.default_rng(0)
    pause = (1e-3 * rng.standard_normal(4 * RATE)).astype(np.float32)
    other = np.concatenate([samples[:RATE], pause, samples[RATE:]])
    assert abs(len(kept(other)) - len(kept(samples))) < 0.45 * RATE


def test_music_between_two_sentences_is_left_out() -> None:
    voice = speech(2.0, seed=1).samples
    for seed in range(4):
        music = melody(8 * RATE, np.random.default_rng(seed))
        music = (0.3 * music / np.abs(music).max()).astype(np.float32)
        spans = spans_of(np.concatenate([voice, music, voice]))
        inside = sum(max(0, min(end, 10 * RATE) - max(start, 2 * RATE)) for start, end in spans)
        assert inside < 1.5 * RATE
        assert sum(end - start for start, end in spans) - inside > 3 * RATE


def test_a_clip_keeps_the_speech_and_says_where_it_was(tmp_path: Path) -> None:
    voice = speech(2.0, seed=1).samples
    silence = np.zeros(3 * RATE, np.float32)
    write_audio(
        tmp_path / "a.wav", Waveform(np.concatenate([silence, voice, silence, voice]), RATE)
    )
    clip = cut_clip(tmp_path / "a.wav", ClipConfig(), detector=None)
    assert [str(reason) for reason in clip.meta.reasons] == ["face:no_video"]
    whole = read_sound(tmp_path / "a.wav").waveform().samples
    pieces = [
        whole[round(start * RATE) : round(end * RATE)] for start, end in clip.meta.speech_spans
    ]
    stored = clip.waveform()
    np.testing.assert_allclose(np.concatenate(pieces), stored.samples, atol=1 / 32768)
    assert clip.meta.speech_spans[0][0] >= 3.0
    windows = Sampled.of(clip, SampleConfig(window_seconds=2.0)).window_spans
    crossing = windows[(windows[:, 0] < 4.9) & (windows[:, 1] > 8.1)]
    assert len(crossing) >= 1
    np.testing.assert_allclose(crossing[:, 1] - crossing[:, 0], 5.0, atol=0.5)


def test_of_more_speech_than_is_allowed_pieces_are_spread(tmp_path: Path) -> None:
    voice = np.concatenate([speech(3.0, seed=seed).samples for seed in (1, 4)] * 10)
    write_audio(tmp_path / "long.wav", Waveform(voice, RATE))
    clip = cut_clip(tmp_path / "long.wav", ClipConfig(max_speech_seconds=20.0), detector=None)
    assert [reason.code for reason in clip.meta.reasons] == ["no_video", "sound_left_out"]
    words = clip.meta.reasons[1].detail.split()
    assert words[-3:] == ["seconds", "of", "speech"]
    assert int(words[2]) - int(words[0]) == pytest.approx(20, abs=1)
    assert clip.meta.sound_seconds == pytest.approx(20, abs=0.1)
    assert clip.meta.speech_spans[0][0] < 1
    assert clip.meta.speech_spans[-1][1] > 59


def test_spread_spans_keeps_what_fits_and_both_ends() -> None:
    spans = [(0, 50), (100, 150)]
    assert spread_spans(spans, 100, piece=10) == spans
    assert spread_spans(spans, 30, piece=10) == [(0, 10), (45, 50), (100, 105), (140, 150)]


def test_the_two_clocks_agree() -> None:
    timeline = Timeline([[1.0, 2.0], [5.0, 5.5]])
    kept_seconds = np.array([0.0, 0.5, 1.0, 1.25])
    np.testing.assert_allclose(timeline.to_file(kept_seconds), [1.0, 1.5, 5.0, 5.25])
    np.testing.assert_allclose(timeline.to_file(kept_seconds, end=True)[2], 2.0)
    np.testing.assert_allclose(timeline.to_kept(np.array([1.5, 5.25])), [0.5, 1.25])
    assert np.isnan(timeline.to_kept(np.array([0.5, 2.0, 3.0, 5.5]))).all()


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 < end_threshold <= threshold"):
        SpeechConfig(threshold=0.3)
    with pytest.raises(ConfigError, match=r"speech\.min_seconds must be in \(0, 60\], got 0"):
        SpeechConfig(min_seconds=0)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_MEDIA.is_dir(), reason="no real recordings here")
def test_nearly_all_real_recordings_have_speech() -> None:
    files = sorted((REAL_MEDIA / "voice").rglob("*.flac"))
    without = [file.name for file in files if not spans_of(read_sound(file).waveform().samples)]
    assert len(without) <= 0.01 * len(files), without
