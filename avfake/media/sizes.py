"""Whether the size of the pictures of a stream changes, by looking at a few of them."""

from collections.abc import Sequence

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avfake.media.clock import MediaStream
from avfake.media.pictures import Picture, PixelAspect, Size

NUM_KEY_FRAMES = 16
"""So many at most are decoded."""


class Sizes:
    """Decodes key frames, the first of each of a few equal parts of the file."""

    def __init__(self, streams: Sequence[MediaStream], num_bytes: int) -> None:
        self.size: Size | None = None
        """Of what holds them all, as shown; None before one was decoded."""
        self._stream = next((s for s in streams if isinstance(s, VideoStream)), None)
        self._aspect = PixelAspect(self._stream) if self._stream else None
        self._step, self._next = num_bytes / NUM_KEY_FRAMES, 0.0

    def add(self, packet: Packet) -> None:
        if packet.stream is not self._stream or not packet.is_keyframe or packet.pos is None:
            return
        if packet.pos < self._next or self._aspect is None:
            return
        self._next = (packet.pos // self._step + 1) * self._step
        for frame in self._decoded(packet):
            size = Picture(0.0, frame, self._aspect.of(frame), bytes(packet)).size
            before = self.size or size
            self.size = (max(size[0], before[0]), max(size[1], before[1]))

    def _decoded(self, packet: Packet) -> list[VideoFrame]:
        assert self._stream is not None
        try:
            return self._stream.decode(packet) + self._stream.decode(None)
        except av.error.FFmpegError:
            return []
        finally:
            self._stream.codec_context.flush_buffers()
