"""The sync operation, scenario by scenario: what it is told and what it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from reconciler.sync.machine import SyncState, ordered_results, step
from reconciler.sync.outcomes import LOST_HOOK
from reconciler.sync.records import Change, PlanOptions, SyncTask
from reconciler.terms import OperationPhase
from tests.reconciler.sync.operation import (
    START,
    Operation,
    apply,
    hook,
    namespace,
    plan_of,
    prune,
    recorded,
    run_script,
)

DONE = "Succeeded: successfully synced (all tasks run)"
FAILED = "Failed: one or more synchronization tasks completed unsuccessfully: "
Script = Sequence[tuple[str, list[str]]]


@dataclass(frozen=True)
class Scenario:
    tasks: Sequence[SyncTask]
    script: Script
    ends: str
    results: Sequence[str]
    options: PlanOptions | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    pauses: bool = False


SCENARIOS = {
    # Dry run
    "a refused dry run writes nothing": Scenario(
        [apply("a"), apply("b"), hook("fail", "SyncFail")],
        [("start", ["dry-run a b fail"]), ("tried b=invalid", ["finish"])],
        "Failed: one or more objects failed to apply (dry run): ConfigMap web/b: invalid",
        ["b SyncFailed"],
    ),
    "a dry run ends without writing": Scenario(
        [apply("a", change=Change.CREATE), prune("old"), prune("kept", reason="ignored (no prune)"), hook("migrate")],
        [("start", ["dry-run migrate a old"]), ("tried", ["finish"])],
        "Succeeded: successfully synced (dry run)",
        ["a Synced", "kept PruneSkipped", "old Pruned"],
        PlanOptions(dry_run=True),
    ),
    # One wave
    "nothing to do": Scenario([], [("start", ["finish"])], "Succeeded: successfully synced (no more tasks)", []),
    "only prunes that nobody asked for": Scenario(
        [prune("a", reason="ignored (requires pruning)"), prune("b", reason="ignored (no prune)")],
        [("start", ["finish"])],
        "Succeeded: successfully synced (no more tasks)",
        ["a PruneSkipped", "b PruneSkipped"],
    ),
    "one wave without hooks ends with its applies": Scenario(
        [apply("a"), apply("b")],
        [("start", ["dry-run a b"]), ("tried", ["apply a b"]), ("done b", []), ("done a", ["finish"])],
        DONE,
        ["a Synced", "b Synced"],
    ),
    "kind by kind, whatever the order of the answers": Scenario(
        [
            apply("web", kind="Deployment"),
            apply("front", kind="Service"),
            apply("b"),
            apply("x", kind="Zebra"),
            apply("a"),
        ],
        [
            ("start", ["dry-run a b front web x"]),
            ("tried", ["apply a b"]),
            ("done b", []),
            ("done a", ["apply front"]),
            ("done front", ["apply web"]),
            ("done web", ["apply x"]),
            ("done x", ["finish"]),
        ],
        DONE,
        ["a Synced", "b Synced", "front Synced", "web Synced", "x Synced"],
    ),
    "what is in sync is left out": Scenario(
        [apply("a"), apply("b", change=Change.SKIP), apply("c", wave=1, change=Change.SKIP)],
        [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])],
        DONE,
        ["a Synced"],
    ),
    "one refused apply lets the others of its kind be recorded": Scenario(
        [apply("a"), apply("b"), apply("c"), apply("web", kind="Deployment")],
        [
            ("start", ["dry-run a b c web"]),
            ("tried", ["apply a b c"]),
            ("failed b denied by quota", []),
            ("done c", []),
            ("done a", ["finish"]),
        ],
        FAILED + "ConfigMap web/b: denied by quota",
        ["a Synced", "b SyncFailed", "c Synced"],
    ),
    "a namespace is made first": Scenario(
        [apply("a"), namespace()],
        [
            ("start", ["dry-run web a"]),
            ("tried", ["apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["finish"]),
        ],
        DONE,
        ["web Synced", "a Synced"],
    ),
    # Waves
    "the next wave waits for health": Scenario(
        [apply("db", kind="Deployment"), apply("web", kind="Deployment", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("health db Progressing 0 of 1", []),
            ("health db Missing", []),
            ("health db Suspended", []),
            ("health db Unknown", []),
            ("health db Healthy", ["apply web"]),
            ("done web", ["watch web"]),
            ("health web Healthy", ["finish"]),
        ],
        DONE,
        ["db Synced", "web Synced"],
    ),
    "a degraded object fails the sync and stops the waves": Scenario(
        [apply("db", kind="Deployment"), apply("cache", kind="Deployment"), apply("web", wave=1)],
        [
            ("start", ["dry-run cache db web"]),
            ("tried", ["apply cache db"]),
            ("done db", []),
            ("done cache", ["watch cache db"]),
            ("health db Degraded crash loop", ["finish"]),
        ],
        FAILED + "Deployment.apps web/db: crash loop",
        ["cache Synced", "db SyncFailed"],
    ),
    "a degraded object without a message": Scenario(
        [apply("db"), apply("web", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("health db Degraded", ["finish"]),
        ],
        FAILED + "ConfigMap web/db: the object is Degraded",
        ["db SyncFailed"],
    ),
    "an object that vanishes while it is waited for": Scenario(
        [apply("db"), apply("web", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("lost db", ["finish"]),
        ],
        FAILED + "ConfigMap web/db: deleted while the sync waited for it",
        ["db SyncFailed"],
    ),
    "a child Application is waited for even in a single wave": Scenario(
        [apply("child", kind="Application"), apply("a")],
        [
            ("start", ["dry-run a child"]),
            ("tried", ["apply a"]),
            ("done a", ["apply child"]),
            ("done child", ["watch child"]),
            ("health child -", ["finish"]),
        ],
        DONE,
        ["a Synced", "child Synced"],
    ),
    "a child Application whose own sync fails": Scenario(
        [apply("child", kind="Application"), apply("later", wave=1)],
        [
            ("start", ["dry-run child later"]),
            ("tried", ["apply child"]),
            ("done child", ["watch child"]),
            ("failed child its sync failed", ["finish"]),
        ],
        FAILED + "Application.argoproj.io web/child: its sync failed",
        ["child SyncFailed"],
    ),
    # Prunes
    "prunes come first and are waited for": Scenario(
        [prune("old"), apply("a"), prune("older")],
        [
            ("start", ["dry-run a old older"]),
            ("tried", ["prune old older"]),
            ("gone older", []),
            ("gone old", ["apply a"]),
            ("done a", ["finish"]),
        ],
        DONE,
        ["a Synced", "old Pruned", "older Pruned"],
    ),
    "prunes alone": Scenario(
        [prune("old", wave=1), prune("older", wave=0)],
        [
            ("start", ["dry-run old older"]),
            ("tried", ["prune old"]),
            ("gone old", ["prune older"]),
            ("gone older", ["finish"]),
        ],
        DONE,
        ["old Pruned", "older Pruned"],
    ),
    "a refused prune lets the other prunes be recorded": Scenario(
        [prune("old"), prune("older"), apply("a")],
        [
            ("start", ["dry-run a old older"]),
            ("tried", ["prune old older"]),
            ("failed old forbidden", []),
            ("gone older", ["finish"]),
        ],
        FAILED + "ConfigMap web/old: forbidden",
        ["old SyncFailed", "older Pruned"],
    ),
    "a skipped prune beside an apply": Scenario(
        [prune("kept", reason="ignored (requires pruning)"), apply("a")],
        [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])],
        DONE,
        ["a Synced", "kept PruneSkipped"],
    ),
    # Hooks
    "hooks of three phases": Scenario(
        [apply("web"), hook("before"), hook("beside", "Sync"), hook("after", "PostSync")],
        [
            ("start", ["dry-run before web beside after"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Running", []),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("done web", ["apply beside"]),
            ("done beside", ["watch web beside"]),
            ("hook beside Succeeded", ["release beside"]),
            ("health web -", ["apply after"]),
            ("done after", ["watch after"]),
            ("hook after Succeeded", ["release after", "finish"]),
        ],
        DONE,
        ["before Succeeded", "web Synced", "beside Succeeded", "after Succeeded"],
    ),
    "a failing hook stops the phases": Scenario(
        [apply("web"), hook("before"), hook("after", "PostSync")],
        [
            ("start", ["dry-run before web after"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Failed exit code 1", ["release before", "finish"]),
        ],
        FAILED + "Job.batch web/before: exit code 1",
        ["before Failed"],
    ),
    "a hook that ends with an error": Scenario(
        [hook("before")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Error unreadable", ["release before", "finish"]),
        ],
        FAILED + "Job.batch web/before: unreadable",
        ["before Error"],
    ),
    "a refused hook": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("failed before quota", ["finish"]),
        ],
        FAILED + "Job.batch web/before: quota",
        ["before Failed"],
    ),
    "a hook that cannot be watched": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("failed before jobs may not be watched", ["release before", "finish"]),
        ],
        FAILED + "Job.batch web/before: jobs may not be watched",
        ["before Failed"],
    ),
    "the end of an earlier hook may be told again while the next one of its name runs": Scenario(
        [hook("before", policies="BeforeHookCreation", there=True), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["delete-earlier before"]),
            ("gone before", ["apply before"]),
            ("gone before", []),
            ("done before", ["watch before"]),
            ("gone before", []),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("done web", ["watch web"]),
            ("health web Healthy", ["finish"]),
        ],
        DONE,
        ["before Succeeded", "web Synced"],
    ),
    "a hook that vanishes while it runs": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("lost before", ["release before", "finish"]),
        ],
        FAILED + f"Job.batch web/before: {LOST_HOOK}",
        ["before Failed"],
    ),
    "SyncFail hooks run after a failure, wave by wave, and then the sync has failed": Scenario(
        [apply("web"), hook("later", "PostSync"), hook("tell", "SyncFail", wave=1), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web later undo tell"]),
            ("tried", ["apply web"]),
            ("failed web denied", ["apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Succeeded", ["release undo", "apply tell"]),
            ("done tell", ["watch tell"]),
            ("hook tell Succeeded", ["release tell", "finish"]),
        ],
        FAILED + "ConfigMap web/web: denied",
        ["web SyncFailed", "undo Succeeded", "tell Succeeded"],
    ),
    "a failing SyncFail hook only adds to the message": Scenario(
        [apply("web"), hook("undo", "SyncFail"), hook("tell", "SyncFail", wave=1)],
        [
            ("start", ["dry-run web undo tell"]),
            ("tried", ["apply web"]),
            ("failed web denied", ["apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Failed exit code 2", ["release undo", "finish"]),
        ],
        FAILED + "ConfigMap web/web: denied; Job.batch web/undo: exit code 2",
        ["web SyncFailed", "undo Failed"],
    ),
    "SyncFail hooks do not run after a success": Scenario(
        [apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web undo"]),
            ("tried", ["apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["finish"]),
        ],
        DONE,
        ["web Synced"],
    ),
    "SyncFail hooks wait for a hook that still runs": Scenario(
        [hook("one"), hook("two"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run one two undo"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("done two", ["watch one two"]),
            ("hook two Failed exit code 1", ["release two"]),
            ("hook one Running", []),
            ("hook one Succeeded", ["release one", "apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Succeeded", ["release undo", "finish"]),
        ],
        FAILED + "Job.batch web/two: exit code 1",
        ["one Succeeded", "two Failed", "undo Succeeded"],
    ),
    "a degraded object does not abandon a hook beside it": Scenario(
        [apply("web"), hook("beside", "Sync"), apply("other"), hook("after", "PostSync")],
        [
            ("start", ["dry-run other web beside after"]),
            ("tried", ["apply other web"]),
            ("done web", []),
            ("done other", ["apply beside"]),
            ("done beside", ["watch other web beside"]),
            ("health web Degraded crash loop", []),
            ("health other -", []),
            ("hook beside Succeeded", ["release beside", "finish"]),
        ],
        FAILED + "ConfigMap web/web: crash loop",
        ["other Synced", "web SyncFailed", "beside Succeeded"],
    ),
    "a refused apply does not abandon a hook of its group": Scenario(
        [hook("one"), hook("two")],
        [
            ("start", ["dry-run one two"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("failed two quota", ["watch one"]),
            ("hook one Succeeded", ["release one", "finish"]),
        ],
        FAILED + "Job.batch web/two: quota",
        ["one Succeeded", "two Failed"],
    ),
    # Hook deletion
    "BeforeHookCreation deletes what an earlier sync left": Scenario(
        [hook("before", there=True), hook("other", there=True, policies="HookSucceeded")],
        [
            ("start", ["dry-run before other"]),
            ("tried", ["delete-earlier before"]),
            ("gone before", ["apply before other"]),
            ("done before", []),
            ("done other", ["watch before other"]),
            ("hook before Succeeded", ["release before"]),
            ("hook other Succeeded", ["release other", "delete other"]),
            ("gone other", ["finish"]),
        ],
        DONE,
        ["before Succeeded", "other Succeeded"],
    ),
    "an earlier hook that cannot be deleted": Scenario(
        [hook("one", there=True), hook("two", there=True), apply("web")],
        [
            ("start", ["dry-run one two web"]),
            ("tried", ["delete-earlier one two"]),
            ("failed one forbidden", []),
            ("gone two", ["finish"]),
        ],
        FAILED + "Job.batch web/one: forbidden",
        ["one Failed"],
    ),
    "a hook of two phases runs in each": Scenario(
        [hook("job", "PreSync"), apply("web"), hook("job", "PostSync")],
        [
            ("start", ["dry-run job@PreSync web job@PostSync"]),
            ("tried", ["apply job@PreSync"]),
            ("done job@PreSync", ["watch job@PreSync"]),
            ("hook job@PreSync Succeeded", ["release job@PreSync", "apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["delete-earlier job@PostSync"]),
            ("gone job@PostSync", ["apply job@PostSync"]),
            ("done job@PostSync", ["watch job@PostSync"]),
            ("hook job@PostSync Succeeded", ["release job@PostSync", "finish"]),
        ],
        DONE,
        ["job@PreSync Succeeded", "web Synced", "job@PostSync Succeeded"],
    ),
    "a hook of two phases is deleted once at the end": Scenario(
        [hook("job", "PreSync", policies="HookSucceeded"), hook("job", "PostSync", policies="HookSucceeded")],
        [
            ("start", ["dry-run job@PreSync job@PostSync"]),
            ("tried", ["apply job@PreSync"]),
            ("done job@PreSync", ["watch job@PreSync"]),
            ("hook job@PreSync Succeeded", ["release job@PreSync", "delete-earlier job@PostSync"]),
            ("gone job@PostSync", ["apply job@PostSync"]),
            ("done job@PostSync", ["watch job@PostSync"]),
            ("hook job@PostSync Succeeded", ["release job@PostSync", "delete job@PostSync"]),
            ("gone job@PostSync", ["finish"]),
        ],
        DONE,
        ["job@PreSync Succeeded", "job@PostSync Succeeded"],
    ),
    "HookSucceeded is judged by the whole operation": Scenario(
        [hook("before", policies="HookSucceeded"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("failed web denied", ["finish"]),
        ],
        FAILED + "ConfigMap web/web: denied",
        ["before Succeeded", "web SyncFailed"],
    ),
    "HookFailed deletes hooks that ran, and no others": Scenario(
        [hook("before", policies="HookFailed"), apply("web"), hook("after", "PostSync", policies="HookFailed")],
        [
            ("start", ["dry-run before web after"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("failed web denied", ["delete before"]),
            ("gone before", ["finish"]),
        ],
        FAILED + "ConfigMap web/web: denied",
        ["before Succeeded", "web SyncFailed"],
    ),
    "HookFailed keeps them after a success": Scenario(
        [hook("before", policies="HookFailed")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "finish"]),
        ],
        DONE,
        ["before Succeeded"],
    ),
    "a hook that cannot be deleted afterwards does not undo the sync": Scenario(
        [hook("one", policies="HookSucceeded"), hook("two", policies="HookSucceeded")],
        [
            ("start", ["dry-run one two"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("done two", ["watch one two"]),
            ("hook one Succeeded", ["release one"]),
            ("hook two Succeeded", ["release two", "delete one two"]),
            ("failed two forbidden", []),
            ("gone one", ["finish"]),
        ],
        DONE + "; Job.batch web/two: forbidden",
        ["one Succeeded", "two Succeeded"],
    ),
    # Stopping
    "stopped before it began": Scenario([apply("a")], [("stop interrupted", ["finish"])], "Failed: interrupted", []),
    "stopped during the dry run": Scenario(
        [apply("a")],
        [("start", ["dry-run a"]), ("stop interrupted", ["finish"]), ("tried", [])],
        "Failed: interrupted",
        [],
    ),
    "stopped while it waits": Scenario(
        [apply("db"), apply("web", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("stop not done after 5 s", ["finish"]),
            ("health db Healthy", []),
        ],
        "Failed: not done after 5 s; waiting for ConfigMap web/db",
        ["db Synced"],
    ),
    "stopped while applies are on their way": Scenario(
        [apply("a"), apply("b"), apply("web", kind="Deployment")],
        [
            ("start", ["dry-run a b web"]),
            ("tried", ["apply a b"]),
            ("done a", []),
            ("stop interrupted", []),
            ("done b", ["finish"]),
        ],
        "Failed: interrupted; waiting for ConfigMap web/b",
        ["a Synced", "b Synced"],
    ),
    "stopped while a hook is being created": Scenario(
        [hook("before"), apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run before web undo"]),
            ("tried", ["apply before"]),
            ("stop interrupted", []),
            ("done before", ["delete before"]),
            ("gone before", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/before",
        ["before Failed"],
    ),
    "stopped a second time": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("stop interrupted", []),
            ("stop not done after 5 s", ["finish"]),
            ("done before", []),
        ],
        "Failed: interrupted; waiting for Job.batch web/before",
        [],
    ),
    "stopped while a hook runs": Scenario(
        [hook("before"), apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run before web undo"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Running", []),
            ("stop interrupted", ["delete before"]),
            ("hook before Succeeded", []),
            ("gone before", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/before",
        ["before Failed"],
    ),
    "stopped again while it cleans up": Scenario(
        [hook("before")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("stop interrupted", ["delete before"]),
            ("stop not done after 5 s", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/before; not done after 5 s; waiting for Job.batch web/before",
        ["before Failed"],
    ),
    "stopped while it only deletes hooks: the outcome stands": Scenario(
        [hook("before", policies="HookSucceeded")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "delete before"]),
            ("stop not done after 5 s", ["finish"]),
        ],
        DONE + "; not done after 5 s; waiting for Job.batch web/before",
        ["before Succeeded"],
    ),
    "stopped during the SyncFail hooks: the failure stays in the message": Scenario(
        [apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web undo"]),
            ("tried", ["apply web"]),
            ("failed web denied", ["apply undo"]),
            ("done undo", ["watch undo"]),
            ("stop interrupted", ["delete undo"]),
            ("gone undo", ["finish"]),
        ],
        FAILED + "ConfigMap web/web: denied; interrupted; waiting for Job.batch web/undo",
        ["web SyncFailed", "undo Failed"],
    ),
    "stopped while a failed operation waits for a hook": Scenario(
        [hook("one"), hook("two"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run one two undo"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("failed two quota", ["watch one"]),
            ("stop interrupted", ["delete one"]),
            ("gone one", ["finish"]),
        ],
        FAILED + "Job.batch web/two: quota; interrupted; waiting for Job.batch web/one",
        ["one Failed", "two Failed"],
    ),
    "stopped while it prunes": Scenario(
        [prune("old"), apply("a")],
        [
            ("start", ["dry-run a old"]),
            ("tried", ["prune old"]),
            ("stop interrupted", ["finish"]),
            ("gone old", []),
        ],
        "Failed: interrupted; waiting for ConfigMap web/old",
        [],
    ),
    # Late and repeated news
    "news of an earlier wave change nothing": Scenario(
        [apply("db"), prune("old", wave=1), apply("web", wave=1)],
        [
            ("start", ["dry-run db old web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("health db Healthy", ["prune old"]),
            ("gone db", []),
            ("failed db forbidden to watch", []),
            ("gone old", ["apply web"]),
            ("done db", []),
            ("done web", ["watch web"]),
            ("health db Degraded", []),
            ("health web -", ["finish"]),
        ],
        DONE,
        ["db Synced", "old Pruned", "web Synced"],
    ),
    "a repeated answer is one answer": Scenario(
        [apply("a"), apply("b"), hook("after", "PostSync")],
        [
            ("start", ["dry-run a b after"]),
            ("tried", ["apply a b"]),
            ("done a", []),
            ("done a", []),
            ("done b", ["watch a b"]),
            ("health a -", []),
            ("health a -", []),
            ("health b -", ["apply after"]),
            ("done after", ["watch after"]),
            ("hook after Succeeded", ["release after", "finish"]),
            ("hook after Failed", []),
            ("gone after", []),
            ("stop interrupted", []),
        ],
        DONE,
        ["a Synced", "b Synced", "after Succeeded"],
    ),
    # Plans that cannot be
    "a plan with a problem touches nothing": Scenario(
        [replace(apply("a"), problem="ConfigMap web/a is not permitted: no"), apply("b"), hook("undo", "SyncFail")],
        [("start", ["finish"])],
        "Failed: one or more synchronization tasks are not valid: ConfigMap web/a is not permitted: no",
        ["a SyncFailed"],
    ),
    # Approval
    "what needs approval is waited for, once": Scenario(
        [prune("old", confirm=True), prune("older", wave=1, confirm=True), apply("a", wave=2)],
        [
            ("start", ["dry-run older old a"]),
            ("tried", ["await-approval older"]),
            ("approved", ["prune older"]),
            ("gone older", ["prune old"]),
            ("approved", []),
            ("gone old", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["finish"]),
        ],
        DONE,
        ["older Pruned", "old Pruned", "a Synced"],
    ),
    "a dry run waits for nobody": Scenario(
        [prune("old", confirm=True)],
        [("start", ["dry-run old"]), ("tried", ["finish"])],
        "Succeeded: successfully synced (dry run)",
        ["old Pruned"],
        PlanOptions(dry_run=True),
    ),
    "stopped while nobody approves": Scenario(
        [prune("one", confirm=True), prune("two", confirm=True), prune("three")],
        [
            ("start", ["dry-run one three two"]),
            ("tried", ["await-approval one two"]),
            ("stop Operation terminated", ["finish"]),
        ],
        "Failed: Waiting for pruning confirmation of ConfigMap web/one and 1 more resource; Operation terminated",
        [],
    ),
    # Pauses
    "a pause after every wave but the last": Scenario(
        [apply("a"), apply("b", wave=1), apply("c", wave=2, change=Change.SKIP)],
        [
            ("start", ["dry-run a b"]),
            ("tried", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["pause"]),
            ("paused", ["apply b"]),
            ("paused", []),
            ("done b", ["watch b"]),
            ("health b -", ["finish"]),
        ],
        DONE,
        ["a Synced", "b Synced"],
        pauses=True,
    ),
    "stopped in a pause": Scenario(
        [apply("a"), apply("b", wave=1)],
        [
            ("start", ["dry-run a b"]),
            ("tried", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["pause"]),
            ("stop interrupted", ["finish"]),
        ],
        "Failed: interrupted",
        ["a Synced"],
        pauses=True,
    ),
    # What an interrupted run recorded
    "a hook whose outcome is recorded does not run again": Scenario(
        [hook("before"), apply("web"), hook("after", "PostSync", policies="HookSucceeded")],
        [
            ("start", ["dry-run web after"]),
            ("tried", ["release before", "apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["apply after"]),
            ("done after", ["watch after"]),
            ("hook after Succeeded", ["release after", "delete after"]),
            ("gone after", ["finish"]),
        ],
        DONE,
        ["before Succeeded", "web Synced", "after Succeeded"],
        known={"before": "Succeeded"},
    ),
    "a recorded failure counts as if it were seen now": Scenario(
        [hook("before"), apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web undo"]),
            ("tried", ["release before", "apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Succeeded", ["release undo", "finish"]),
        ],
        FAILED + "Job.batch web/before: recorded",
        ["before Failed", "undo Succeeded"],
        known={"before": "Failed"},
    ),
    "an operation whose SyncFail hooks had begun goes on failing": Scenario(
        [apply("web"), hook("tell", "SyncFail", wave=1), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web tell"]),
            ("tried", ["release undo", "apply tell"]),
            ("done tell", ["watch tell"]),
            ("hook tell Succeeded", ["release tell", "finish"]),
        ],
        "Failed: one or more synchronization tasks completed unsuccessfully before the operation was interrupted",
        ["undo Succeeded", "tell Succeeded"],
        known={"undo": "Succeeded"},
    ),
    "all that was left to do was to let a hook go": Scenario(
        [hook("before", policies="HookSucceeded")],
        [("start", ["release before", "delete before"]), ("gone before", ["finish"])],
        DONE,
        ["before Succeeded"],
        known={"before": "Succeeded"},
    ),
    "a record of a hook that is not in the plan": Scenario(
        [apply("a")],
        [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])],
        DONE,
        ["a Synced"],
        known={"gone by now": "Failed"},
    ),
    # Left alone
    "tasks that are not begun any more have no result": Scenario(
        [hook("one"), hook("two"), apply("web")],
        [
            ("start", ["dry-run one two web"]),
            ("tried", ["apply one two"]),
            ("stop the lock is another one's", []),
            ("left two", []),
            ("done one", ["delete one"]),
            ("left one", ["finish"]),
        ],
        "Failed: the lock is another one's; waiting for Job.batch web/one, Job.batch web/two",
        ["one Failed"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    by_name = {task.key.name: task for task in scenario.tasks}
    known = {
        by_name[name].id if name in by_name else name: recorded(by_name.get(name, hook(name)), phase)
        for name, phase in scenario.known.items()
    }
    operation = Operation(plan_of(scenario.tasks, scenario.options), known=known, pauses=scenario.pauses)
    run_script(operation, scenario.script)
    assert operation.state.finished
    assert f"{operation.state.phase}: {operation.state.message}" == scenario.ends
    assert operation.results() == list(scenario.results)


def test_results_carry_the_reason_the_times_and_the_server_s_words() -> None:
    operation = Operation(plan_of([prune("kept", reason="ignored (no prune)"), hook("before"), apply("web")]))
    run_script(
        operation,
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before jobs.batch/before created", ["watch before"]),
            ("hook before Running 0 of 1", []),
            ("hook before Succeeded", ["release before", "apply web"]),
            ('failed web configmaps "web" is forbidden', ["finish"]),
        ],
    )
    found = {
        result.key.name: (
            result.message,
            int((result.started_at - START).total_seconds()) if result.started_at else None,
            int((result.finished_at - START).total_seconds()) if result.finished_at else None,
        )
        for result in ordered_results(operation.state)
    }
    assert found == {
        "kept": ("ignored (no prune)", 1, 1),
        # An empty message keeps the last one.
        "before": ("0 of 1", 3, 5),
        "web": ('configmaps "web" is forbidden', 6, 6),
    }


def test_a_finished_operation_takes_no_event() -> None:
    operation = Operation(plan_of([apply("a")]))
    run_script(operation, [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])])
    for text in ("start", "tried a=late", "done a", "failed a late", "gone a", "health a Degraded", "stop late"):
        assert step(operation.state, operation.event(text)) == (operation.state, ())


def test_a_new_operation_runs() -> None:
    state = SyncState(plan_of([apply("a")]))
    assert (state.phase, state.finished) == (OperationPhase.RUNNING, False)
