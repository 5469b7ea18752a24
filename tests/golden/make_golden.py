"""Makes the bundle and the clips that `test_golden` opens: python tests/golden/make_golden.py

They stand for what users have on their disks, so they are made once for a format and then kept:
make them again only where the number of a format changes on purpose, and say so in CHANGELOG.md.
The people are those of the studio, which are drawn.
"""

import json
import shutil
import tempfile
from pathlib import Path

from avfake import __version__
from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.folders import FORMAT
from avfake.faces.cropping import CropConfig
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig
from avfake.training.config import TrainingConfig
from avfake.training.pipeline import train_detector

HERE = Path(__file__).parent
SMALL = {
    "visual.tune": "none",
    "visual.layers": (1,),
    "audio.layers": (0,),
    "visual.embedding_dim": 8,
    "audio.embedding_dim": 4,
    "audio.spectrogram.n_fft": 256,
    "audio.spectrogram.num_bands": 32,
    "fusion.hidden_dim": 8,
}
"""Changes of the preset "tiny" after which the bundle has few kB: first layers alone."""
LEARNS = {
    "data.val_share": 0.0,
    "data.test_share": 0.1,
    "data.batch_size": 8,
    "data.passes": 10,
    "augment.picture": (),
    "augment.sound": (),
    "visual.dropout": 0.0,
    "audio.dropout": 0.0,
    "fusion.dropout": 0.0,
    "fit.epochs": 6,
    "fit.first_best_epoch": 6,
    "fit.learning_rate": 0.01,
}
"""Changes after which it has learned a little, so that no answer is one half for want of it."""
CHOSEN = (0, 2, 7)
"""Clips that are kept: a genuine one, one without a voice, one with a forged voice."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_studio(folder / "studio", StudioConfig(32, seconds=1.0, difficulty=0.0), workers=0)
        manifest = build_manifest(load_spec("studio"), folder / "studio")
        config = ClipConfig(num_frames=3, crop=CropConfig(size_px=64))
        prepared = prepare_clips(manifest, folder / "clips", config, workers=0)
        training = TrainingConfig.preset("tiny", SMALL | LEARNS)
        train_detector([prepared], training, folder / "run")
        for old in ("bundle", "clips"):
            shutil.rmtree(HERE / old, ignore_errors=True)
        Bundle.read(folder / "run" / "detector").save(HERE / "bundle")
        (HERE / "clips").mkdir()
        for one in (prepared.clips[number] for number in CHOSEN):
            Clip.open(one.archive).save(HERE / "clips" / Path(str(one.archive)).name)
    detector = Detector.from_pretrained(HERE / "bundle", device="cpu")
    verdicts = {
        path.name: json.loads(detector.predict_clip(Clip.open(path)).to_json())
        for path in sorted((HERE / "clips").iterdir())
    }
    for verdict in verdicts.values():
        verdict["detector"] = Path(verdict["detector"]).name  # not where this machine has it
    found = {"avfake": __version__, "format": FORMAT, "verdicts": verdicts}
    (HERE / "expected.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
