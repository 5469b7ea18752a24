"""A manifest in, what leaks between its splits and what gives its labels away out.

Leaks are rows that share an original, a group, a person or a part, and near-duplicates by
fingerprint. Shortcuts are facts about files, not of what they show, that tell fake from genuine.
"""

from avfake.audit.auditing import audit_manifest
from avfake.audit.labels.derive import check_target, derive_labels
from avfake.audit.labels.unknowns import UNKNOWN_REASONS
from avfake.audit.probes import ProbeConfig

__all__ = ["ProbeConfig", "UNKNOWN_REASONS", "audit_manifest", "check_target", "derive_labels"]
