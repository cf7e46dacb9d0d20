"""How the flags of ``app set`` change the sync policy."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from reconciler.errors import UsageError
from reconciler.model.editing_fields import JsonObject, field, put

DEFAULT_BACKOFF: Final = {"duration": "5s", "maxDuration": "3m0s", "factor": 2}
"""DefaultSyncRetry… in pkg/apis/application/v1alpha1/types.go."""
_MANUAL: Final = ("none", "manual")
_AUTOMATED: Final = ("automated", "automatic", "auto")
_RETRY: Final = ("syncPolicy", "retry")


def sync_policy(spec: JsonObject, value: str) -> None:
    """Turns automated sync on, with everything else about it as by default, or off."""
    if value in _AUTOMATED:
        put(spec, ("syncPolicy",), {**(spec.get("syncPolicy") or {}), "automated": {}})
    elif value in _MANUAL:
        put(spec, ("syncPolicy", "automated"), None)
    else:
        raise UsageError(f"--sync-policy {value}: expected automated or none")


def automated_switch(name: str) -> Callable[[JsonObject, bool], None]:
    """Sets a switch of automated sync, which stays off where it is off."""

    def set_switch(spec: JsonObject, value: bool) -> None:
        automated = field(spec, ("syncPolicy", "automated"))
        inner = {"enabled": False} if automated is None else dict(automated)
        put(spec, ("syncPolicy", "automated"), {**inner, name: value})

    return set_switch


def sync_options(spec: JsonObject, values: Iterable[str]) -> None:
    """Adds sync options, each once; one with ``!`` before it is taken out."""
    options = list(field(spec, ("syncPolicy", "syncOptions")) or ())
    for value in values:
        if value.startswith("!"):
            options = [option for option in options if option != value[1:]]
        elif "=" not in value:
            raise UsageError(f"--sync-option {value}: expected NAME=VALUE, or !NAME=VALUE to take it out")
        elif value not in options:
            options.append(value)
    put(spec, ("syncPolicy", "syncOptions"), options)


def retry_limit(spec: JsonObject, limit: int) -> None:
    """Sets how often a failed sync is tried again, with everything else about it as by default; 0 is never."""
    if limit < 0:
        raise UsageError(f"--sync-retry-limit {limit}: expected 0 or more")
    put(spec, _RETRY, {"limit": limit, "backoff": dict(DEFAULT_BACKOFF)} if limit else None)


def backoff(option: str, name: str) -> Callable[[JsonObject, Any], None]:
    """Sets a field of the backoff of retries that there are."""

    def set_field(spec: JsonObject, value: Any) -> None:
        if not field(spec, _RETRY):
            raise UsageError(f"{option}: there are no retries; say how many with --sync-retry-limit")
        put(spec, (*_RETRY, "backoff", name), value)

    return set_field


POLICY_EDITS: Final[Mapping[str, Callable[[JsonObject, Any], None]]] = MappingProxyType(
    {
        "sync-policy": sync_policy,
        "auto-prune": automated_switch("prune"),
        "self-heal": automated_switch("selfHeal"),
        "allow-empty": automated_switch("allowEmpty"),
        "sync-option": sync_options,
        "sync-retry-limit": retry_limit,
        "sync-retry-backoff-duration": backoff("--sync-retry-backoff-duration", "duration"),
        "sync-retry-backoff-max-duration": backoff("--sync-retry-backoff-max-duration", "maxDuration"),
        "sync-retry-backoff-factor": backoff("--sync-retry-backoff-factor", "factor"),
        "sync-retry-refresh": lambda spec, value: put(spec, (*_RETRY, "refresh"), value),
    }
)
"""By flag, in the order in which they are done: the policy before its switches, the limit before its backoff."""
