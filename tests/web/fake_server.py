"""A server whose answers follow from the content of a file at once; everything else is real.

    python fake_server.py '{"port": 0, ...}'

The settings are those of `ServeConfig`. The first word of a file says what becomes of it.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from avfake.errors import Reason
from avfake.labels import OperatingPoint
from avfake.media import Waveform, write_video
from avfake.parallel import StandingPool
from avfake.verdict import FaceScore, Person, Segment, Verdict, VoiceScore
from avfake.web import ServeConfig, serve
from avfake.web.answering import SAMPLE, Answer, Job, Pool, WarmUp

SHARES = {"fake": 0.97, "real": 0.02, "unsure": 0.5}
PAGE = """<!doctype html><meta charset="utf-8"><title>report</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<svg role="img" aria-label="Face of person 0" width="100" height="20"><path d="M0 0h9"/></svg>"""


def answer(job: Job | WarmUp, tell: Callable[[str], None]) -> Answer:
    """Return what the first word of the file asks for."""
    if isinstance(job, WarmUp):
        sound = Waveform(np.zeros(16_000, np.float32), 16_000)
        picture = np.full((15, 64, 64, 3), 90, np.uint8)
        write_video(job.folder / SAMPLE, picture, fps=15, waveform=sound)
        return Answer(SAMPLE, "", Verdict.failed(SAMPLE), "{}")
    content = (job.folder / job.name).read_bytes().decode(errors="replace")
    word, _, rest = content.partition(" ")
    tell("finding faces and speech")
    if word == "crash":
        os._exit(3)
    if word == "slow":
        Path(rest.strip()).touch()
        time.sleep(600)  # longer than any test waits for its end
    if word == "wait":
        time.sleep(1.5)
        word, _, rest = rest.partition(" ")
    if word == "leave":
        (job.folder / "left over").write_bytes(bytes(10_000))
        word, _, rest = rest.partition(" ")
    if word not in SHARES:
        verdict = Verdict.failed(job.name, Reason("file", "not_media"))
        return answer_of(job.name, "This file could not be read: not a video.", verdict)
    p = SHARES[word]
    verdict = Verdict(
        *(job.name, word, p, p, min(p, 0.4), "ok"),
        persons=(Person(0, p, (FaceScore(0.5, (0, 0, 9, 9), p),), (Segment(0.0, 1.0, p),)),),
        voice=(VoiceScore(0.0, 2.0, 0.4),),
        operating_point=OperatingPoint(0.8, 0.05, 0.9),
    )
    return answer_of(job.name, f"This file is {word}.", verdict)


def answer_of(name: str, sentence: str, verdict: Verdict) -> Answer:
    """Return the answer with its report."""
    document = {"sentence": sentence, "verdict": json.loads(verdict.to_json())}
    return Answer(name, sentence, verdict, json.dumps(document), PAGE, b"%PDF-1.4 a PDF")


def start(config: ServeConfig) -> Pool:
    """Start workers that answer so."""
    limit = config.time_limit_seconds
    return StandingPool(answer, workers=config.workers, time_limit_seconds=limit)


def say(line: str) -> None:
    """Write a line to the test that started the server."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(ServeConfig(**json.loads(sys.argv[1])), say=say, start=start)
