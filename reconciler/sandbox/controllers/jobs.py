"""Jobs: pods until enough of them succeeded, or too many failed.

Source: k8s.io/kubernetes/pkg/controller/job, v1.37.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import parse_time
from reconciler.sandbox.controllers.client import Client, own_and_controller, pod_active, pod_ready, template_pod
from reconciler.sandbox.store import Event, ObjectName
from reconciler.sandbox.strategy import JOBS, PODS

TRACKING: Final = "batch.kubernetes.io/job-tracking"
INDEX: Final = "batch.kubernetes.io/job-completion-index"
_BACKOFF_STEPS: Final = 2.0
_MAX_BACKOFF_STEPS: Final = 32.0


class JobController:
    """Runs jobs to completion.

    Parameters
    ----------
    latency_s:
        The unit of the delay before a failed pod is replaced; it doubles with each failure, as upstream's ten seconds.
    """

    def __init__(self, client: Client, *, latency_s: float) -> None:
        self._client = client
        self._latency_s = latency_s
        self._not_before: dict[str, float] = {}

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return own_and_controller(event, JOBS, "Job", PODS)

    def sync(self, name: ObjectName) -> float | None:
        job = self._client.get(JOBS, name)
        if job is None:
            return None
        pods = self._client.controlled(PODS, job)
        if finished(job) is not None:
            self._release(pods)
            return self._expire(job)
        if job["metadata"].get("deletionTimestamp"):
            self._release(pods)
            return None
        status = dict(job.get("status") or {})
        again_s = self._account(job, status, pods)
        self._client.write_status(JOBS, job, status)
        # Only what the status has counted may lose its finalizer, and with it vanish.
        self._release([pod for pod in pods if not pod_active(pod)])
        return again_s

    def _account(self, job: Manifest, status: Manifest, pods: list[Manifest]) -> float | None:
        spec, now = job["spec"], self._client.cluster.timestamp()
        self._count(status, pods)
        active = [pod for pod in pods if pod_active(pod)]
        conditions = list(status.get("conditions") or ())
        suspended = bool(spec.get("suspend"))
        if not suspended and "startTime" not in status:
            status["startTime"] = now
        failure = self._failure(job, status, pods)
        wanted = spec.get("completions")
        done = status.get("succeeded", 0)
        complete = done >= wanted if wanted is not None else done > 0 and not active
        again_s: float | None = None
        if failure is not None:
            for pod in active:
                self._client.delete(PODS, pod)
            active = []
            conditions = _finish(conditions, ("FailureTarget", "Failed"), *failure, now)
        elif complete:
            for pod in active:
                self._client.delete(PODS, pod)
            active = []
            reason, text = "CompletionsReached", "Reached expected number of succeeded pods"
            conditions = _finish(conditions, ("SuccessCriteriaMet", "Complete"), reason, text, now)
            status["completionTime"] = now
        elif suspended:
            for pod in active:
                self._client.delete(PODS, pod)
            active = []
            status.pop("startTime", None)
            conditions = _suspension(conditions, now, suspended=True)
        else:
            conditions = _suspension(conditions, now, suspended=False)
            active, again_s = self._start_pods(job, status, pods, active)
        if conditions:
            status["conditions"] = conditions
        _set_count(status, "active", len(active))
        status.update(ready=sum(map(pod_ready, active)), uncountedTerminatedPods={})
        ending = [pod for pod in pods if pod["metadata"].get("deletionTimestamp")]
        status["terminating"] = 0 if conditions and finished({"status": status}) else len(ending)
        return self._earlier(again_s, self._until_deadline(job, status))

    def _count(self, status: Manifest, pods: list[Manifest]) -> None:
        """Add the pods that ended and are not counted yet: those that still have our finalizer."""
        for phase, key in (("Succeeded", "succeeded"), ("Failed", "failed")):
            fresh = sum(
                TRACKING in (pod["metadata"].get("finalizers") or ())
                and (_phase(pod) == phase or (phase == "Failed" and _lost(pod)))
                for pod in pods
            )
            _set_count(status, key, status.get(key, 0) + fresh)

    def _failure(self, job: Manifest, status: Manifest, pods: list[Manifest]) -> tuple[str, str] | None:
        spec = job["spec"]
        limit = spec.get("backoffLimit", 6)
        restarts = 0
        if (spec["template"].get("spec") or {}).get("restartPolicy") == "OnFailure":
            restarts = sum(_restarts(pod) for pod in pods if _phase(pod) in ("Running", "Pending"))
        if status.get("failed", 0) > limit or (restarts and restarts >= max(limit, 1)):
            return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        left = self._until_deadline(job, status)
        if left is not None and left <= 0:
            return "DeadlineExceeded", "Job was active longer than specified deadline"
        return None

    def _until_deadline(self, job: Manifest, status: Manifest) -> float | None:
        seconds = job["spec"].get("activeDeadlineSeconds")
        if seconds is None or "startTime" not in status or job["spec"].get("suspend"):
            return None
        due = parse_time(status["startTime"]) + timedelta(seconds=seconds)
        return max((due - self._client.cluster.clock()).total_seconds(), 0.0)

    def _start_pods(
        self, job: Manifest, status: Manifest, pods: list[Manifest], active: list[Manifest]
    ) -> tuple[list[Manifest], float | None]:
        spec = job["spec"]
        wanted = spec.get("completions")
        parallel = spec.get("parallelism", 1)
        if wanted is not None:
            parallel = min(parallel, wanted - status.get("succeeded", 0))
        elif status.get("succeeded", 0):
            parallel = len(active)
        for pod in active[max(parallel, 0) :]:
            self._client.delete(PODS, pod)
        active = active[: max(parallel, 0)]
        missing = parallel - len(active)
        if missing <= 0:
            return active, None
        delay_s = self._backoff(job, status)
        if delay_s > 0:
            return active, delay_s
        for index in _free_indexes(job, pods, missing):
            created = self._client.create(PODS, job["metadata"]["namespace"], _pod(job, index))
            active = [*active, *([created] if created is not None else [])]
        return active, None

    def _backoff(self, job: Manifest, status: Manifest) -> float:
        """Seconds to wait before the next pod, counted from when the last failure was seen."""
        failed = status.get("failed", 0)
        if not failed or not self._latency_s:
            return 0.0
        key = f"{job['metadata']['uid']}/{failed}"
        now = self._client.cluster.clock().timestamp()
        if key not in self._not_before:
            steps = min(_BACKOFF_STEPS**failed, _MAX_BACKOFF_STEPS)
            self._not_before = {
                other: moment
                for other, moment in self._not_before.items()
                if not other.startswith(key.rpartition("/")[0])
            }
            self._not_before[key] = now + steps * self._latency_s
        return self._not_before[key] - now

    def _release(self, pods: list[Manifest]) -> None:
        for pod in pods:
            self._client.remove_finalizer(PODS, pod, TRACKING)

    def _expire(self, job: Manifest) -> float | None:
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        condition = finished(job)
        if ttl is None or condition is None or job["metadata"].get("deletionTimestamp"):
            return None
        due = parse_time(condition["lastTransitionTime"]) + timedelta(seconds=ttl)
        left = (due - self._client.cluster.clock()).total_seconds()
        if left > 0:
            return left
        self._client.delete(JOBS, job, propagation="Foreground")
        return None

    @staticmethod
    def _earlier(first: float | None, second: float | None) -> float | None:
        times = [time for time in (first, second) if time is not None]
        return min(times) if times else None


def finished(job: Manifest) -> Manifest | None:
    """The condition that ended a job."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            found: Manifest = condition
            return found
    return None


def _pod(job: Manifest, index: int | None) -> Manifest:
    pod = template_pod(job["spec"]["template"], job)
    metadata = pod["metadata"]
    metadata["finalizers"] = [*metadata.get("finalizers", ()), TRACKING]
    metadata["generateName"] = f"{job['metadata']['name']}-"
    if index is not None:
        metadata["generateName"] = f"{job['metadata']['name']}-{index}-"
        metadata.setdefault("annotations", {})[INDEX] = str(index)
        metadata.setdefault("labels", {})[INDEX] = str(index)
    return pod


def _free_indexes(job: Manifest, pods: list[Manifest], count: int) -> list[int | None]:
    if job["spec"].get("completionMode") != "Indexed":
        return [None] * count
    taken = {
        int((pod["metadata"].get("annotations") or {}).get(INDEX, -1))
        for pod in pods
        if pod_active(pod) or _phase(pod) == "Succeeded"
    }
    free = [index for index in range(job["spec"].get("completions") or 0) if index not in taken]
    return list(free[:count])


def _phase(pod: Manifest) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _lost(pod: Manifest) -> bool:
    """A pod that was deleted before it ended counts as failed."""
    return bool(pod["metadata"].get("deletionTimestamp")) and _phase(pod) not in ("Succeeded", "Failed")


def _restarts(pod: Manifest) -> int:
    return sum(
        int(status.get("restartCount", 0)) for status in (pod.get("status") or {}).get("containerStatuses") or ()
    )


def _set_count(status: Manifest, key: str, value: int) -> None:
    if value:
        status[key] = value
    else:
        status.pop(key, None)


def _condition(kind: str, status: str, reason: str, message: str, now: str) -> Manifest:
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def _finish(conditions: list[Manifest], kinds: tuple[str, str], reason: str, message: str, now: str) -> list[Manifest]:
    kept = [condition for condition in conditions if condition["type"] not in kinds]
    return kept + [_condition(kind, "True", reason, message, now) for kind in kinds]


def _suspension(conditions: list[Manifest], now: str, *, suspended: bool) -> list[Manifest]:
    known = next((entry for entry in conditions if entry["type"] == "Suspended"), None)
    wanted = "True" if suspended else "False"
    if (known is None and not suspended) or (known is not None and known["status"] == wanted):
        return conditions
    reason, text = ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
    others = [entry for entry in conditions if entry["type"] != "Suspended"]
    return [*others, _condition("Suspended", wanted, reason, text, now)]
