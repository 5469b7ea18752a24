"""From a distance to "changed", "unchanged", or neither."""

from avfake.errors import ConfigError


def check_limits(unchanged_below: float, changed_above: float, *, unit: str = "") -> None:
    """Raise ConfigError if the limits of a distance cross; unit: ending of the options' names."""
    if unchanged_below > changed_above:
        raise ConfigError(
            f"unchanged_below{unit} must not lie above changed_above{unit}, got "
            f"{unchanged_below:g} and {changed_above:g}"
        )


def decide(
    distance: float, unchanged_below: float, changed_above: float
) -> tuple[bool | None, str | None]:
    """Return whether something was changed, or None with the reason."""
    if distance >= changed_above:
        return True, None
    return (False, None) if distance <= unchanged_below else (None, "undecided")
