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
    "audio.tune": "none",
    "visual.layers": (1,),
    "audio.layers": (1,),
    "visual.embedding_dim": 4,
    "audio.embedding_dim": 4,
}
"""Changes of the preset "tiny" after which the bundle has few kB: early layers alone."""
NUM_CLIPS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_studio(folder / "studio", StudioConfig(24, seconds=1.0), workers=0)
        manifest = build_manifest(load_spec("studio"), folder / "studio")
        config = ClipConfig(num_frames=3, crop=CropConfig(size_px=64))
        prepared = prepare_clips(manifest, folder / "clips", config, workers=0)
        training = TrainingConfig.preset("tiny", SMALL)
        train_detector([prepared], training, folder / "run")
        for old in ("bundle", "clips"):
            shutil.rmtree(HERE / old, ignore_errors=True)
        Bundle.read(folder / "run" / "detector").save(HERE / "bundle")
        (HERE / "clips").mkdir()
        for one in prepared.clips[:NUM_CLIPS]:
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
