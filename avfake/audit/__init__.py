"""A manifest in, what leaks between its splits and what gives its labels away out.

Leaks are rows that share an original, a group, a person or a part, and near-duplicates by
fingerprint. Shortcuts are facts about files, not of what they show, that tell fake from genuine.
"""

from avfake.audit.auditing import audit_manifest
from avfake.audit.facts import PROBES, FileFacts
from avfake.audit.fingerprints import Fingerprint, near_duplicates
from avfake.audit.leaks import Leak, find_leaks, splits_of
from avfake.audit.measuring import Measured, measure_files
from avfake.audit.probes import Probe, ProbeConfig, run_probes
from avfake.audit.report import AuditReport

__all__ = [
    "PROBES",
    "AuditReport",
    "FileFacts",
    "Fingerprint",
    "Leak",
    "Measured",
    "Probe",
    "ProbeConfig",
    "audit_manifest",
    "find_leaks",
    "measure_files",
    "near_duplicates",
    "run_probes",
    "splits_of",
]
