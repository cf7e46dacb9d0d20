"""The lock that keeps two runs of one Application apart: a Lease which its run holds, renews and gives back.

A Lease does not fence: its holder may be paused between a check and the write after it (etcd issue 11457, and client-go's
leaderelection says so). So a run checks before every wave, hook and prune, and its writes are made such that one which
comes late does no harm.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from reconciler.cluster.connection import REQUEST_TIMEOUT_S, Connection
from reconciler.cluster.discovery import Discovery
from reconciler.cluster.lease_process import has_ended, own_process
from reconciler.cluster.lease_record import (
    DURATION_S,
    Claim,
    LeaseRecord,
    ask_to_end,
    lease_name,
    new_lease,
    release,
    renew,
    take_over,
    take_released,
)
from reconciler.cluster.lease_requests import FALLBACK_NAMESPACE, LeaseRequests
from reconciler.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    SyncError,
)
from reconciler.kill_points import reach
from reconciler.manifest.objects import Manifest

_LOG: Final = logging.getLogger(__name__)
_TERMINATED: Final = "because it is being terminated"


class LockHeldError(SyncError):
    """Another run holds the Application's lock."""

    retryable = True

    def __init__(self, message: str, *, holder: str, since: str, operation_id: str) -> None:
        self.holder = holder
        self.since = since
        self.operation_id = operation_id
        super().__init__(message)


class LockLostError(SyncError):
    """This run held the Application's lock, and does no more: it must not write."""


def boot_time_s() -> float:
    """Seconds since the machine started, its sleep among them, in which other holders do not sleep."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class ApplicationLock:
    """Keeps other runs from an Application while a ``with`` block runs.

    Taking and giving it back are one request each, and a third one the first time of all unless ``new`` tells it.

    Parameters
    ----------
    connection
        The cluster that holds the Applications.
    namespace, application
        The Application.
    operation_id
        What the lock is taken for.
    holder
        Who asks for it, for people.
    clock, monotonic, wait
        The time to write down, the time in seconds by which silence is judged, and how to pause for so many seconds.
        Another's written times are only shown, never compared.
    duration_s
        How long this holder may be silent before others take its place, in whole seconds.
    wait_s
        How long to wait for another run that is at work. One that is silent for its duration, or whose process on this
        machine has ended, is never waited for longer than that.
    new
        The Application was never synced, so there is no Lease of it yet; a wrong guess costs one request.
    owner
        The Application as the cluster holds it: its Lease is deleted with it.
    on_asked_to_end
        Called, from any thread, when `ask_run_to_end` was seen at a renewal.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        *,
        namespace: str,
        application: str,
        operation_id: str,
        holder: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = boot_time_s,
        wait: Callable[[float], object] = time.sleep,
        duration_s: int = DURATION_S,
        wait_s: float = 0.0,
        new: bool = False,
        owner: Manifest | None = None,
        on_asked_to_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.noted_head = ""
        """The head of the history that the run before left here; empty when it left none, or before `acquire`."""
        self.head = ""
        """The head of the history to leave for the run after, set at any time before `release`."""
        self._title = f"{namespace}/{application}"
        # The repetitions of a request end before the lock lapses.
        self._requests = LeaseRequests(
            connection,
            discovery,
            namespace=namespace,
            name=lease_name(namespace, application),
            timeout_s=duration_s / 5,
        )
        self._claim = Claim(f"{holder or 'gitops-nb'}_{uuid.uuid4()}", operation_id, own_process(), duration_s)
        self._clock, self._monotonic, self._wait = clock, monotonic, wait
        self._wait_s = wait_s
        self._new = new
        self._owner = owner
        self._on_asked_to_end = on_asked_to_end
        self._mutex = threading.Lock()
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._renewed_at = 0.0
        self._lost = "is not held by this run"

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    @property
    def place(self) -> str:
        """Where the lock lies, as in ``Lease argocd/gitops-nb.argocd.guestbook``."""
        return self._requests.place

    def acquire(self) -> None:
        """Take the lock and begin to renew it.

        Raises
        ------
        LockHeldError
            When another run is at work on the Application, which is seen by its renewing the lock.
        ForbiddenError
            When the user may not lock.
        ClusterError
            When the API server refuses or cannot be reached.
        """
        reach("lock")
        try:
            record = self._claim_lease()
        except ForbiddenError as error:
            if error.status != 403:
                raise
            raise ForbiddenError(
                f"{self._title} cannot be locked: {error}; a sync needs get, create and patch on "
                f"leases.coordination.k8s.io in namespace {self._requests.namespace}",
                status=error.status,
                reason=error.reason,
            ) from error
        self.noted_head = record.head
        self._lost = ""
        self._stopping.clear()
        self._keeper = threading.Thread(target=self._keep, name=f"lock of {self._title}", daemon=True)
        self._keeper.start()
        reach("lock")

    def check(self) -> None:
        """Return only while this run holds the lock; call it before anything is written.

        Costs nothing when the lock was renewed within the last half of its duration, else one request.

        Raises
        ------
        LockLostError
            When another run has taken the lock, or it was given back; from then on always.
        ClusterError
            When the API server cannot be asked; the lock may still be held, and a later check finds out.
        """
        self._raise_if_lost()
        # Half: with clocks that run at up to twice each other's rate nobody else can have seen a whole duration pass.
        if not self._renewed_within(self._claim.duration_s / 2):
            self._renew(within_s=self._claim.duration_s / 2)

    def release(self) -> None:
        """Give the lock back, with `head` noted on it. What cannot be given back lapses."""
        if self._keeper is None:
            return
        self._stopping.set()
        # It may be in the middle of a request, and the mutex then holds the next one back.
        with self._mutex:
            held, self._lost = not self._lost, self._lost or "was given back by this run"
        self._keeper.join(timeout=self._claim.duration_s / 5)
        self._keeper = None
        if not held:
            return
        reach("unlock")
        try:
            self._requests.change(release(self._claim, self.head))
        except (InvalidObjectError, ConflictError, NotFoundError):
            # It is not ours any more, which may be our own doing when an answer was lost.
            _LOG.info("the lock of %s was given back or taken before", self._title)
        except ClusterError as error:
            _LOG.warning("the lock of %s could not be given back and lapses by itself: %s", self._title, error)
        reach("unlock")

    def _claim_lease(self) -> LeaseRecord:
        silence = _Silence(self._monotonic)
        deadline = self._monotonic() + self._wait_s
        refused = ""
        record = self._create() if self._new else self._take_released()
        while record is None:
            found = self._requests.read()
            if found is None:
                record = self._create()
            elif found.identity == self._claim.identity:
                # The answer to our own request was lost.
                record = found
            elif self._is_free(found, silence):
                if found.version == refused:
                    raise SyncError(
                        f"{self._title} cannot be locked: the API server refuses to change {self._requests.place}"
                    )
                refused = found.version
                self._renewed_at = self._monotonic()
                record = self._requests.change_if(take_over(found, self._claim, self._clock()))
            elif silence.broken and self._monotonic() >= deadline:
                raise self._held(found)
            else:
                self._wait(self._claim.duration_s / 10)
        return record

    def _is_free(self, found: LeaseRecord, silence: "_Silence") -> bool:
        return not found.identity or has_ended(found.process) or silence.lasts_s(found) >= found.duration_s

    def _held(self, found: LeaseRecord) -> LockHeldError:
        what = f" (operation {found.operation_id})" if found.operation_id else ""
        return LockHeldError(
            f"{self._title} is locked by {found.holder} since {found.acquired or 'an unknown time'}{what}; "
            "try again when that run has ended, or wait for it with wait_s",
            holder=found.holder,
            since=found.acquired,
            operation_id=found.operation_id,
        )

    def _take_released(self) -> LeaseRecord | None:
        self._renewed_at = self._monotonic()
        try:
            return self._requests.change(take_released(self._claim, self._clock()))
        except NotFoundError:
            return self._create()
        except (InvalidObjectError, ConflictError):
            return None

    def _create(self) -> LeaseRecord | None:
        requests = self._requests
        lease = new_lease(requests.name, requests.namespace, self._title, self._claim, self._clock(), self._owner)
        self._renewed_at = self._monotonic()
        try:
            return requests.create(lease)
        except (NotFoundError, ForbiddenError) as error:
            # A namespace that is being deleted takes no new objects, and is gone soon.
            gone = isinstance(error, NotFoundError) or _TERMINATED in str(error)
            if not gone or requests.namespace == FALLBACK_NAMESPACE:
                raise
            requests.namespace, self._owner = FALLBACK_NAMESPACE, None
            return self._take_released()

    def _keep(self) -> None:
        """Renew until the lock is given back or lost; runs in its own thread."""
        third = self._claim.duration_s / 3
        pause = third
        while not self._stopping.wait(pause):
            try:
                self._renew(within_s=third / 2)
                pause = third
            except SyncError:
                return
            except ClusterError as error:
                _LOG.warning("the lock of %s could not be renewed: %s", self._title, error)
                pause = third / 4

    def _renewed_within(self, seconds: float) -> bool:
        return 0 <= self._monotonic() - self._renewed_at < seconds

    def _renew(self, *, within_s: float) -> None:
        """Renew the lock, unless another thread has done so a moment ago."""
        with self._mutex:
            self._raise_if_lost()
            if self._renewed_within(within_s):
                return
            # The moment before it is sent: others count from a later one.
            sent_at = self._monotonic()
            try:
                record = self._requests.change(renew(self._claim, self._clock()))
                self._renewed_at = sent_at
                if record.is_to_end:
                    self._on_asked_to_end()
            except NotFoundError:
                self._lost = f"was deleted while this run held it ({self._requests.place})"
            except (InvalidObjectError, ConflictError):
                found = self._requests.read()
                if found is not None and found.identity == self._claim.identity:
                    raise
                taker = found.holder if found else ""
                what = f" for operation {found.operation_id}" if found and found.operation_id else ""
                self._lost = f"was taken by {taker}{what}" if taker else "was taken and given back by another run"
            self._raise_if_lost()

    def _raise_if_lost(self) -> None:
        if self._lost:
            raise LockLostError(f"the lock of {self._title} {self._lost}; nothing more is written, sync it again")


def read_noted_head(connection: Connection, discovery: Discovery, *, namespace: str, application: str) -> str:
    """The head of the history that the last run left on an Application's lock; empty when there is none."""
    name = lease_name(namespace, application)
    for place in dict.fromkeys((namespace, FALLBACK_NAMESPACE)):
        requests = LeaseRequests(connection, discovery, namespace=place, name=name, timeout_s=REQUEST_TIMEOUT_S)
        if (found := requests.read()) is not None:
            return found.head
    return ""


def ask_run_to_end(
    connection: Connection, discovery: Discovery, *, namespace: str, application: str
) -> LeaseRecord | None:
    """Ask the run that is at work on an Application to end its operation; it is seen at its next renewal.

    None when no run is at work.
    """
    name = lease_name(namespace, application)
    for place in dict.fromkeys((namespace, FALLBACK_NAMESPACE)):
        requests = LeaseRequests(connection, discovery, namespace=place, name=name, timeout_s=REQUEST_TIMEOUT_S)
        found = requests.read()
        if found is not None and found.identity:
            return requests.change_if(ask_to_end(found))
    return None


class _Silence:
    """For how long a holder has given no sign of life, as this process observed it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: tuple[str, str, str] | None = None
        self._since = 0.0
        self.broken = False
        """Whether a holder was seen to be at work."""

    def lasts_s(self, found: LeaseRecord) -> float:
        """Seconds since the first look that found the Lease as it is now."""
        now = self._monotonic()
        if found.sign_of_life != self._last:
            self.broken = self._last is not None
            self._last, self._since = found.sign_of_life, now
        return now - self._since
