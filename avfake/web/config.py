"""Settings of the server, and their limits."""

import ipaddress
import math
from dataclasses import dataclass

from avfake.errors import ConfigError, check_ranges
from avfake.labels import DEFAULT
from avfake.limits import Limits, in_time

LEAST_TOKEN = 16
"""Characters; a shorter token could be guessed."""


@dataclass(frozen=True)
class ServeConfig:
    """Where the server listens, who may use it, and how much of it one file may take."""

    detector: tuple[str, ...] = (DEFAULT,)
    """As for `Detector.from_pretrained`."""
    combine: str = "mean"
    host: str = "127.0.0.1"
    port: int = 7860
    """0 takes any free one."""
    token: str | None = None
    """Word that each request must bring; None = none needed on a loopback host, a random one on
    any other."""
    workers: int = 1
    """Files that are answered at the same time; each takes a process with a detector."""
    queue: int = 16
    """Files that may wait."""
    max_megabytes: float = 500.0
    """Size of one file, 10^6 bytes."""
    max_minutes: float = 30.0
    """Length of one file."""
    time_limit_seconds: float = 600.0
    """Time for the answer to one file, without its wait."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            "serve",
            port="[0, 65535]",
            workers="[1, 64]",
            queue="[1, 1000]",
            max_megabytes="(0, inf)",
            max_minutes="(0, inf)",
            time_limit_seconds="(0, inf)",
        )
        if self.token is not None and not _is_token(self.token):
            raise ConfigError(
                f"the token has {len(self.token)} characters; allowed: {LEAST_TOKEN} or more "
                "letters, digits, - and _. Leave --token out and a random one is made"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def max_bytes(self) -> int:
        """Size of the largest file that is taken."""
        return math.ceil(1e6 * self.max_megabytes)

    @property
    def of_file(self) -> Limits:
        """Return what a file may take, apart from its bytes."""
        return Limits(seconds=self.time_limit_seconds, hours=self.max_minutes / 60)

    @property
    def limits(self) -> str:
        """Limits of one file in words."""
        return (
            f"up to {self.max_megabytes:g} MB and {in_time(60 * self.max_minutes)}; an answer may "
            f"take {in_time(self.time_limit_seconds)}"
        )


def _is_token(token: str) -> bool:
    plain = token.replace("-", "").replace("_", "")
    return len(token) >= LEAST_TOKEN and plain.isascii() and plain.isalnum()
