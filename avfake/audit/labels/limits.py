"""From a distance to "changed", "unchanged", or neither."""


def decide(
    distance: float, unchanged_below: float, changed_above: float
) -> tuple[bool | None, str | None]:
    """Return whether something was changed, or None with the reason."""
    if distance >= changed_above:
        return True, None
    return (False, None) if distance <= unchanged_below else (None, "undecided")
