"""Texts in a file that are not UTF-8, such as the title that an old program wrote."""

from pathlib import Path

import av
import numpy as np
import pytest

from avfake.media import Waveform, probe, read_sound, write_audio


@pytest.mark.parametrize("ending", ["mp3", "wav"])
def test_a_title_of_another_encoding_hinders_no_one(tmp_path: Path, ending: str) -> None:
    plain, path = tmp_path / "plain.wav", tmp_path / f"titled.{ending}"
    write_audio(plain, Waveform(np.full(16_000, 0.25, np.float32), 16_000))
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        out.metadata["title"] = "ABCDEFGH"
        codec = {"mp3": "mp3", "wav": "pcm_s16le"}[ending]
        stream = out.add_stream(codec, rate=16_000)
        for frame in source.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    content = path.read_bytes()
    assert b"ABCDEFGH" in content
    path.write_bytes(content.replace(b"ABCDEFGH", b"AB\xff\xfe\xe9FGH"))
    assert probe(path).has_audio
    assert len(read_sound(path).waveform().samples) > 15_000
