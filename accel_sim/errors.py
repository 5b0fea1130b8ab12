"""What can go wrong, one class per cause.

Everything a user can cause is an :class:`InputError`; the command line prints its message as one line
and exits with status 2. A :class:`RunError` is a failure of the run itself (exit status 1).
"""

from __future__ import annotations

__all__ = ["BitgroveError", "DataError", "HardwareError", "InputError", "MappingError", "RunError", "WorkloadError"]


class BitgroveError(Exception):
    """Base of every error that Bitgrove raises on purpose; its text is complete and fit for the user."""


class InputError(BitgroveError):
    """A wrong call or a wrong file. ``str(error)`` has one line per problem found."""


class HardwareError(InputError):
    """A hwconfig that is wrong: ``file:line:column: field: what it holds, what is allowed``."""


class WorkloadError(InputError):
    """A model, topology file or operand that is wrong or cannot be read."""


class DataError(InputError):
    """A data set that is missing, damaged or not known, or images that do not fit the model."""


class PolicyError(InputError):
    """A compression policy that is wrong, or does not fit the network."""


class MappingError(InputError):
    """A layer that no legal tile of the machine can hold; says which buffer and how much it needs."""


class RunError(BitgroveError):
    """A run that failed although its input was right."""
