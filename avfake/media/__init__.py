"""Reading and writing of media files: frames and sound on one clock.

Frames are uint8 RGB as a player shows them: upright, with square pixels. Sound is mono float32.
Both have seconds from the start of the file, which is the earlier start of the two streams. A file
that cannot be read raises `MediaError` with a reason; of a damaged file, what can be decoded is
returned. A path may point into an archive: "parts.zip!/dir/a.mp4". moviepy writes the files.
"""

from avfake.media.files import ENDINGS, local_file
from avfake.media.frames import iter_frames, read_frames
from avfake.media.opening import OpenMedia, open_media
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Frames, MediaInfo, Sound, Waveform
from avfake.media.writing import write_audio, write_video

__all__ = [
    "ENDINGS",
    "Frames",
    "MediaInfo",
    "OpenMedia",
    "Sound",
    "Waveform",
    "iter_frames",
    "local_file",
    "open_media",
    "probe",
    "read_frames",
    "read_sound",
    "write_audio",
    "write_video",
]
