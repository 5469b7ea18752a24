"""How much is spent on a file: cheap evidence first, more only while the answer is unsure.

fast: the voice; if it alone makes the file a fake, the picture is not decoded. Then a third of the
crops; if these alone are sure by a margin, the others are left out. balanced: all that the detector
was trained to read. thorough: as balanced, and twice as many frames where that is unsure.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from avfake.calibration import shifted
from avfake.clips import Clip
from avfake.detector.bundle import Bundle, Features
from avfake.detector.options import PredictOptions
from avfake.errors import Reason
from avfake.labels import Modality
from avfake.verdict import Verdict

FEW_CROPS = 1 / 3
"""Share of the crops that are scored first."""
MARGIN = 1.0
"""Distance in logits from any other decision at which the remaining crops are left out."""
MORE_FRAMES = 2
"""Times the frames that the detector was trained with, where these leave it unsure."""


class Cuts:
    """The clips of one file, each cut when it is needed first; MediaError if that fails."""

    def __init__(self, member: Bundle, path: str | Path) -> None:
        self._member, self._path = member, path

    @cached_property
    def sound(self) -> Clip:
        """The clip without a picture."""
        return self._member.cut_clip(self._path, use_picture=False)

    @cached_property
    def whole(self) -> Clip:
        """The clip as the detector was trained on."""
        return self._member.cut_clip(self._path)

    @cached_property
    def long(self) -> Clip:
        """The clip with more frames."""
        return self._member.cut_clip(self._path, frames_factor=MORE_FRAMES)


def predict_cuts(member: Bundle, cuts: Cuts, options: PredictOptions, file: str) -> Verdict:
    """Return the verdict of a member on the clips of a file that its profile asks for."""
    if options.profile == "fast":
        return _predict_fast(member, cuts, options, file)
    verdict = member.predict_clip(cuts.whole, options, file=file)
    has_more = options.profile == "thorough" and options.use_visual and verdict.persons
    if not has_more or verdict.decision != "unsure":
        return verdict
    longer = member.predict_clip(cuts.long, options, file=file)
    return longer if len(cuts.long.meta.frame_seconds) > verdict.spent.frames else verdict


def _predict_fast(member: Bundle, cuts: Cuts, options: PredictOptions, file: str) -> Verdict:
    if options.use_visual and options.use_audio and cuts.sound.meta.media.get("has_video"):
        alone = replace(options, use_visual=False)
        heard = member.predict_clip(cuts.sound, alone, file=file)
        if heard.decision == "fake" and _voice_decides(member, cuts.sound, alone):
            others = tuple(reason for reason in heard.reasons if reason.part != "face")
            return replace(heard, reasons=(*others, Reason("face", "skipped")))
    clip = cuts.whole
    num_crops = sum(len(person.frame_indices) for person in clip.meta.persons)
    known: Features = {}
    if options.use_visual and (few := round(FEW_CROPS * num_crops)) >= 3:
        first = np.linspace(0, num_crops - 1, few).round().astype(int).tolist()
        is_frozen = "visual" in member.models[0].frozen
        known = member.features(clip, options, first) if is_frozen else {}
        verdict = member.predict_clip(clip, options, file=file, num_crops=few, features=known)
        if _is_sure(member, verdict, options):
            return verdict
        known = _completed(member, clip, options, known, first) if is_frozen else {}
    return member.predict_clip(clip, options, file=file, features=known)


def _completed(
    member: Bundle,
    clip: Clip,
    options: PredictOptions,
    known: Features,
    first: list[int],
) -> Features:
    """Return the features of all crops, of which those with the numbers `first` are known."""
    num_crops = sum(len(person.frame_indices) for person in clip.meta.persons)
    others = sorted({*range(num_crops)} - {*first})
    alone = replace(options, use_audio=False)
    faces = [known["faces_features"], member.features(clip, alone, others)["faces_features"]]
    order = torch.tensor(first + others).argsort()
    return {**known, "faces_features": torch.cat(faces)[order]}


def _voice_decides(member: Bundle, clip: Clip, options: PredictOptions) -> bool:
    """Return whether a file is called fake for its voice, whatever its picture holds.

    That is so if the voice is above the threshold for files with a face, too, since p_fake is
    never below that of a part; unless a stacker reads the face for the voice.
    """
    voice = member.decision_model.outputs.get("voice")
    rule = member.decision_model.rule(use_stacker=options.use_stacker)
    if voice is None or rule is None or (voice.stacker and options.use_stacker):
        return False
    row = member.score_clip(clip, options).row()
    p = voice.predict(row[None], use_stacker=options.use_stacker, modality="whole")
    return rule.decide(float(p[0])) == "fake"


def _is_sure(member: Bundle, verdict: Verdict, options: PredictOptions) -> bool:
    """Return whether the decision would be the same with logits that differ by the margin."""
    if verdict.p_fake is None or verdict.decision == "unsure":
        return False
    modality: Modality = "whole"
    if None in (verdict.p_face_fake, verdict.p_voice_fake):
        modality = "sound" if verdict.p_face_fake is None else "picture"
    rule = member.decision_model.rule(use_stacker=options.use_stacker, modality=modality)
    by = -MARGIN if verdict.decision == "fake" else MARGIN
    p = float(shifted(verdict.p_fake, by))
    return rule is not None and rule.decide(p) == verdict.decision
