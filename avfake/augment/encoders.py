"""Encoders of FFmpeg: whether their names are known, and which of them PyAV was built with."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import av

from avfake.errors import ConfigError, nearest


class Encoder(Protocol):
    """An encoder by its name in FFmpeg."""

    @property
    def name(self) -> str: ...


def check_codecs(kind: str, names: Iterable[str], encoders: Mapping[str, Encoder]) -> None:
    """Raise ConfigError for a name that is not in `encoders`."""
    for name in names:
        if name not in encoders:
            raise ConfigError(
                f"{kind} codec {name!r} is unknown{nearest(name, encoders)}; "
                f"allowed: {', '.join(encoders)}"
            )


def available(encoders: Mapping[str, Encoder]) -> tuple[str, ...]:
    """Return the names of the encoders that this build of PyAV can write."""
    return tuple(name for name, encoder in encoders.items() if _is_built(encoder.name))


def _is_built(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True
