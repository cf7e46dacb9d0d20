"""The errors of the project.

::

    ReconcilerError                  exit 1   anything of ours
    ├── UsageError                   exit 2   a command, parameter or option that cannot be
    ├── SpecError                    exit 2   an object or document that does not validate (InvalidSpecError)
    ├── GenerationError              exit 2   manifests cannot be generated (ComparisonError)
    │   ├── RepositoryError          exit 2   not a repository, or it refuses us
    │   │   └── RepositoryUnreachableError   exit 4, retryable
    │   └── RevisionError            exit 2   a revision or path that is not there
    ├── ClusterError                 exit 1   the cluster refused a request (ComparisonError)
    │   ├── NotFoundError            exit 2
    │   ├── ConflictError            exit 1   stale version, or another field manager; retryable
    │   ├── InvalidObjectError       exit 2   the API server's validation
    │   ├── ForbiddenError           exit 3
    │   └── ClusterUnreachableError  exit 4   retryable
    ├── SyncError                    exit 1   an operation cannot start or go on (SyncError)
    │   ├── LockHeldError            exit 1   another run is at the Application; retryable (in reconciler.cluster.lease)
    │   └── LockLostError            exit 1   another run took over while this one was paused (likewise)
    ├── StoreError                   exit 4   the history store cannot be used
    │   └── DamagedStoreError        exit 1   a record was changed after it was written (in reconciler.history)
    └── AccessDeniedError            exit 3   (InvalidSpecError)

Each says what, where and what to do in one line. ``exit_status`` is the contract of the command line.
OutOfSync, Degraded and PruneSkipped are values, never errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from reconciler.terms import ConditionType


class ReconcilerError(Exception):
    """Base of all errors of ours; ``str(error)`` is one line for people."""

    exit_status: ClassVar[int] = 1
    condition: ClassVar[ConditionType] = ConditionType.UNKNOWN
    retryable: ClassVar[bool] = False


class UsageError(ReconcilerError):
    """A command, parameter or option that cannot be."""

    exit_status = 2


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One thing wrong in a document: ``path`` is a field path such as ``spec.source.path``."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SpecError(ReconcilerError):
    """A document that does not validate; carries every violation, sorted by field path."""

    exit_status = 2
    condition = ConditionType.INVALID_SPEC

    def __init__(self, what: str, violations: Sequence[Violation] = ()) -> None:
        self.what = what
        self.violations = tuple(sorted(set(violations)))
        super().__init__(f"{what}: {'; '.join(map(str, self.violations))}" if self.violations else what)


class GenerationError(ReconcilerError):
    """The target manifests cannot be generated."""

    exit_status = 2
    condition = ConditionType.COMPARISON


class RepositoryError(GenerationError):
    """A source repository that is none, or that refuses us."""


class RepositoryUnreachableError(RepositoryError):
    """A source repository that does not answer."""

    exit_status = 4
    retryable = True


class RevisionError(GenerationError):
    """A revision, or a path at a revision, that is not there."""


class ClusterError(ReconcilerError):
    """A request that the API server refused. Never carries a request or response body: those may hold secrets."""

    condition = ConditionType.COMPARISON

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(message)


class NotFoundError(ClusterError):
    """The object, or its kind, does not exist."""

    exit_status = 2


class ConflictError(ClusterError):
    """A stale resourceVersion or a field that another manager owns."""

    retryable = True


class InvalidObjectError(ClusterError):
    """An object that the API server's schema or validation refuses."""

    exit_status = 2


class ForbiddenError(ClusterError):
    """The credentials do not allow the request."""

    exit_status = 3


class ClusterUnreachableError(ClusterError):
    """No answer from the API server."""

    exit_status = 4
    retryable = True


class SyncError(ReconcilerError):
    """A sync that cannot start or go on."""

    condition = ConditionType.SYNC


class StoreError(ReconcilerError):
    """The history store cannot be read or written."""

    exit_status = 4


class AccessDeniedError(ReconcilerError):
    """The project or a role does not allow this."""

    exit_status = 3
    condition = ConditionType.INVALID_SPEC
