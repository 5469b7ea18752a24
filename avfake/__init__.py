"""Detection of forged faces and voices in video.

    from avfake import Detector
    print(Detector.default().predict("clip.mp4"))
    print(Detector.from_pretrained("runs/x/detector").predict("clip.mp4"))

Packages in the order of the data flow: `media` decodes, `faces` detects and tracks, `clips`
prepares files, `models` score, `calibration` turns scores into probabilities and decisions,
`detector` does all of it. `datasets` reads datasets, `training` makes detectors. See
docs/architecture.md.
"""

import os
from typing import TYPE_CHECKING

from avfake import environment, late

if TYPE_CHECKING:
    from avfake.datasets import read_manifest
    from avfake.detector import Detector
    from avfake.errors import AvfakeError
    from avfake.scoring import DetectorClassifier
    from avfake.verdict import Verdict

__version__ = "0.1.0"
__all__ = [
    "AvfakeError",
    "Detector",
    "DetectorClassifier",
    "Verdict",
    "__version__",
    "read_manifest",
]

# Before torch is loaded, or it has no effect. Threads that wait for each other would spin: on cores
# busy with other work (two, at a load of 5) an answer took 14 s of CPU time instead of 2.4.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
environment.provide()

# So that `import avfake` and `avfake --help` do not wait for torch.
__getattr__ = late.names(
    __name__,
    {
        "errors": "AvfakeError",
        "detector": "Detector",
        "verdict": "Verdict",
        "datasets": "read_manifest",
        "scoring": "DetectorClassifier",
    },
)
