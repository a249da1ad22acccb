"""The exceptions that a user may meet. Each is also a standard library exception. Its text says what is wrong, where,
and what to do."""

from __future__ import annotations


class PivotRLError(Exception):
    """Whatever this software refuses on purpose. The command line prints its text without a traceback."""


class ConfigurationError(PivotRLError, ValueError):
    """A wrong key, value, preset or stage name. Exit status 2."""


class InputError(PivotRLError, ValueError):
    """A source, model or record that cannot be used as it is."""


class StageFailed(PivotRLError, RuntimeError):
    """A stage ran and gave no usable artefact: it is empty or over a failure rate, or the child process died."""


class StoreError(PivotRLError, OSError):
    """The object store refused, or does not hold what its manifest says."""


class NotInStore(StoreError, LookupError):
    """There is no artefact of that stage, version or tag."""
