"""What leaks between the splits of a manifest, what gives its labels away, and labels it lacks.

Leaks are rows that share an original, a group, a person or a part, and near-duplicates by
fingerprint. Shortcuts are facts about files, not of their content, that tell fake from genuine.
`derive_labels` finds which part of a fake was forged by comparing it with its original.
"""

from avfake.audit.audit import audit_manifest
from avfake.audit.labels.derive import derive_labels

__all__ = ["audit_manifest", "derive_labels"]
