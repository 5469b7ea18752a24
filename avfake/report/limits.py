"""What an answer does not cover, in words: how little was looked at, and how good it was."""

from collections.abc import Iterator

from avfake.report.evidence import Evidence
from avfake.report.wording import clock


def limits(evidence: Evidence) -> list[str]:
    """Return the limits of an answer, one sentence each; none where nothing was assessed."""
    if evidence.verdict.p_fake is None:
        return []
    return [*_of_picture(evidence), *_of_sound(evidence), *_of_detector(evidence)]


def _of_picture(evidence: Evidence) -> Iterator[str]:
    seen = evidence.examined
    if not seen.frames_sampled or evidence.verdict.p_face_fake is None:
        return
    whole = f" of about {seen.num_frames:,}" if seen.num_frames else ""
    if seen.num_frames is None or seen.frames_sampled < seen.num_frames:
        yield (
            f"{seen.frames_sampled}{whole} pictures of the video were looked at; what happens "
            "between them was not seen."
        )
    if seen.frames_with_face < seen.frames_sampled:
        yield f"A face was found in {seen.frames_with_face} of the {seen.frames_sampled} pictures."
    least = evidence.card.least_face_px
    if seen.face_px is not None:
        size = f"The faces are {seen.face_px:.0f} px high or wide (median)"
        if least is not None and seen.face_px < least:
            yield f"{size}, smaller than any the detector learned from ({least:.0f} px)."
        else:
            yield f"{size}."


def _of_sound(evidence: Evidence) -> Iterator[str]:
    seen = evidence.examined
    if seen.speech_seconds and evidence.verdict.p_voice_fake is not None:
        whole = f" in a file of {clock(seen.seconds)}" if seen.seconds else ""
        yield (
            f"{seen.speech_seconds:.1f} s of speech were found{whole}; pauses, music and noise "
            "were not assessed."
        )


def _of_detector(evidence: Evidence) -> Iterator[str]:
    parts = {"face": evidence.verdict.p_face_fake, "voice": evidence.verdict.p_voice_fake}
    lacking = [part for part, p in parts.items() if p is None]
    if lacking:
        yield f"The answer says nothing about the {' and the '.join(lacking)}."
    yield (
        "The probability holds for material like that of the detector's tests. Other cameras, "
        "codecs, languages and new methods of forging can make it wrong in both directions."
    )
