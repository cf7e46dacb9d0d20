"""How an operation is carried out."""

import re
from dataclasses import dataclass, replace
from typing import Final

from reconciler.manifest import CLIENT_SIDE_APPLY_MANAGER
from reconciler.sync.options import ApplicationOptions

VARIABLE_WAVE_DELAY: Final = "ARGOCD_SYNC_WAVE_DELAY"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Times in seconds.

    ``timeout_s`` bounds the whole operation; None waits for ever, as upstream does. ``wave_delay_s`` is a pause after every
    wave but the last (``ARGOCD_SYNC_WAVE_DELAY``). ``established_s`` bounds the wait for a new kind to be served, and
    ``gone_s`` that for an object which must be gone before it can be created anew. ``approval_s`` is how often is asked
    whether a deletion has been approved.

    ``propagation`` is the deletion policy of prunes: foreground, background or orphan, capitalized. ``migration_manager`` is
    the field manager of client-side applies whose fields are taken over; empty for none.
    """

    timeout_s: float | None = None
    propagation: str = "Foreground"
    wave_delay_s: float = 0.0
    established_s: float = 10.0
    gone_s: float = 60.0
    approval_s: float = 2.0
    migration_manager: str = CLIENT_SIDE_APPLY_MANAGER

    def of(self, options: ApplicationOptions) -> "RunOptions":
        """These, with what an Application's sync options say."""
        return replace(self, propagation=options.propagation, migration_manager=options.migration_manager)


def parse_wave_delay(text: str) -> float:
    """Seconds in ``ARGOCD_SYNC_WAVE_DELAY``; 0 where it is no whole number of them, or is not set.

    Argo CD waits two seconds where it is not set, for controllers to see what was applied; here a wave ends by what they
    report (`reconciler.health.assess_readiness`).
    """
    found = re.fullmatch(r"\+?([0-9]{1,9})", text.strip(), re.ASCII)
    return float(found[1]) if found else 0.0
