"""Rules of a comparison from where they are written: the Application, argocd-cm, and the annotation of a resource.

Source: util/settings/settings.go (GetResourceOverrides, GetResourceCompareOptions) and docs/user-guide/diffing.md of Argo CD
3.6; the annotation: argoproj/argo-cd pull request 29616.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.diff.rules import (
    CRD_GROUP,
    SPEC_ORIGIN,
    CompareOptions,
    CompareRules,
    IgnoreRule,
    KnownTypeField,
    RuleForm,
    StatusIgnored,
)
from reconciler.errors import SpecError, Violation
from reconciler.manifest.objects import annotations_of
from reconciler.manifest.yaml import load_document
from reconciler.model import Application
from reconciler.terms import ANNOTATION_COMPARE_OPTIONS

ANNOTATION_IGNORE_DIFFERENCES: Final = "argocd.argoproj.io/ignore-differences"
SERVER_SIDE_DIFF: Final = "controller.diff.server.side"
"""Key of argocd-cmd-params-cm that makes server-side diff the default."""
RESPECT_OPTION: Final = "RespectIgnoreDifferences=true"
_LEGACY: Final = "resource.customizations"
_IGNORE: Final = "resource.customizations.ignoreDifferences."
_KNOWN: Final = "resource.customizations.knownTypeFields."
_OPTIONS: Final = "resource.compareoptions"
_STATUS: Final[Mapping[str, StatusIgnored]] = {
    "": StatusIgnored.ALL,
    "all": StatusIgnored.ALL,
    "crd": StatusIgnored.CRD,
    "none": StatusIgnored.NONE,
    "off": StatusIgnored.NONE,
    "false": StatusIgnored.NONE,
}


@dataclass(frozen=True, slots=True)
class SystemRules:
    """What argocd-cm says for all Applications; ``problems`` are settings that cannot be read, one line each."""

    ignore: tuple[IgnoreRule, ...] = ()
    known_types: tuple[KnownTypeField, ...] = ()
    options: CompareOptions = field(default_factory=CompareOptions)
    server_side: bool | None = None
    problems: tuple[str, ...] = ()


def parse_system_rules(settings: Mapping[str, str], parameters: Mapping[str, str] | None = None) -> SystemRules:
    """Read the ``data`` of argocd-cm, and of argocd-cmd-params-cm for the default of server-side diff.

    A setting that does not validate is left out and told in ``problems``: fewer rules make more differences, never fewer.
    """
    problems: list[str] = []
    ignore, known = {}, {}
    for where, group, kind, override in _overrides(settings, problems):
        if "ignoreDifferences" in override:
            try:
                ignore[group, kind] = _rules(override["ignoreDifferences"], where, group=group, kind=kind)
            except SpecError as error:
                problems.append(str(error))
        if "knownTypeFields" in override:
            try:
                known[group, kind] = _known_fields(override["knownTypeFields"], where, group, kind)
            except SpecError as error:
                problems.append(str(error))
    try:
        options = _compare_options(settings.get(_OPTIONS, ""))
    except SpecError as error:
        problems.append(str(error))
        options = CompareOptions()
    server_side = (parameters or {}).get(SERVER_SIDE_DIFF)
    return SystemRules(
        tuple(rule for rules in ignore.values() for rule in rules),
        tuple(entry for entries in known.values() for entry in entries),
        options,
        None if server_side is None else server_side.strip().lower() == "true",
        tuple(problems),
    )


def compare_rules(application: Application, system: SystemRules | None = None) -> CompareRules:
    """The rules for one Application: its own first, then the instance's."""
    system = system or SystemRules()
    ignore = [
        rule
        for index, entry in enumerate(application.spec.ignore_differences)
        for rule in _of_forms(
            {
                RuleForm.JSON_POINTER: entry.json_pointers,
                RuleForm.JQ: entry.jq_path_expressions,
                RuleForm.MANAGER: entry.managed_fields_managers,
            },
            f"{SPEC_ORIGIN}[{index}]",
            group=entry.group,
            kind=entry.kind,
            name=entry.name,
            namespace=entry.namespace,
        )
    ]
    built_in = []
    if system.options.ignore_status is StatusIgnored.CRD:
        origin = f"argocd-cm {_OPTIONS} ignoreResourceStatusField"
        pointer = "/spec/preserveUnknownFields"
        built_in = [
            IgnoreRule(RuleForm.JSON_POINTER, pointer, origin, CRD_GROUP, "CustomResourceDefinition", built_in=True)
        ]
    server_side, include_webhooks = server_side_options(application.metadata.annotations or {})
    return CompareRules(
        ignore=(*ignore, *system.ignore, *built_in),
        known_types=system.known_types,
        options=system.options,
        server_side=system.server_side if server_side is None else server_side,
        include_webhooks=include_webhooks,
        respect=application.has_sync_option(RESPECT_OPTION),
        problems=system.problems,
    )


def server_side_options(annotations: Mapping[str, Any]) -> tuple[bool | None, bool]:
    """``ServerSideDiff`` of ``compare-options``, None where it is not said, and whether ``IncludeMutationWebhook`` is.

    They stand on the Application for all its resources, or on one resource, whose word counts more.
    """
    words = [word.strip() for word in str(annotations.get(ANNOTATION_COMPARE_OPTIONS) or "").split(",")]
    asked = True if "ServerSideDiff=true" in words else False if "ServerSideDiff=false" in words else None
    return asked, "IncludeMutationWebhook=true" in words


def asks_server(rules: CompareRules, target: Mapping[str, Any]) -> bool:
    """Whether this object is compared by dry-run: its own ``compare-options`` count more than those of ``rules``."""
    asked, _ = server_side_options(annotations_of(target))
    return bool(rules.server_side if asked is None else asked)


def includes_webhooks(rules: CompareRules, target: Mapping[str, Any]) -> bool:
    """Whether what webhooks write counts in a comparison by dry-run."""
    return rules.include_webhooks or server_side_options(annotations_of(target))[1]


def annotation_rules(target: Mapping[str, Any]) -> tuple[IgnoreRule, ...]:
    """The rules in the annotation ``argocd.argoproj.io/ignore-differences`` of an object of the target.

    Its text is YAML with ``jsonPointers``, ``jqPathExpressions`` and ``managedFieldsManagers``. Only the target's annotation
    counts: what a webhook or a person adds in the cluster must not hide drift.

    Raises
    ------
    SpecError
        When it cannot be read.
    """
    text = annotations_of(target).get(ANNOTATION_IGNORE_DIFFERENCES)
    if not text:
        return ()
    return _rules(text, f"annotation {ANNOTATION_IGNORE_DIFFERENCES}", group="*", kind="*")


def _overrides(settings: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Where it is written, group, kind and what is said; the key's own form comes later and replaces the legacy one."""
    text = settings.get(_LEGACY, "")
    try:
        legacy = load_document(text, file=f"argocd-cm {_LEGACY}") if text.strip() else {}
    except SpecError as error:
        problems.append(str(error))
        legacy = {}
    if not isinstance(legacy, Mapping):
        problems.append(f"argocd-cm {_LEGACY}: must be a mapping of group/Kind")
        legacy = {}
    for name, override in legacy.items():
        group, _, kind = str(name).rpartition("/")
        if isinstance(override, Mapping):
            yield f"argocd-cm {_LEGACY} {name}", group, kind, override
        else:
            problems.append(f"argocd-cm {_LEGACY} {name}: must be a mapping")
    for key in sorted(settings):
        for prefix, subject in ((_IGNORE, "ignoreDifferences"), (_KNOWN, "knownTypeFields")):
            if not key.startswith(prefix):
                continue
            name = key.removeprefix(prefix)
            words = ["*", "*"] if name == "all" else ["", name] if "_" not in name else name.split("_")
            if len(words) == 2 and words[1]:
                yield f"argocd-cm {key}", words[0], words[1], {subject: settings[key]}
            else:
                problems.append(f"argocd-cm {key}: must end with <group>_<Kind>, <Kind> or all")


def _rules(value: Any, where: str, *, group: str, kind: str) -> tuple[IgnoreRule, ...]:
    document = _document(value, where)
    if document is None:
        return ()
    known = {str(form) for form in RuleForm}
    if not isinstance(document, Mapping) or not known.issuperset(document):
        raise SpecError(f"{where}: must be a mapping with {', '.join(sorted(known))}")
    wrong = [
        Violation(name, "must be a list of strings")
        for name, texts in document.items()
        if texts is not None and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts))
    ]
    if wrong:
        raise SpecError(where, wrong)
    return tuple(
        _of_forms({RuleForm(name): texts or () for name, texts in document.items()}, where, group=group, kind=kind)
    )


def _of_forms(
    forms: Mapping[RuleForm, Sequence[str]], origin: str, *, group: str, kind: str, name: str = "", namespace: str = ""
) -> Iterator[IgnoreRule]:
    for form in RuleForm:
        for text in dict.fromkeys(forms.get(form, ())):
            yield IgnoreRule(form, text, origin, group, kind, name, namespace)


def _known_fields(value: Any, where: str, group: str, kind: str) -> list[KnownTypeField]:
    entries = _document(value, where) or []
    if not isinstance(entries, list) or not all(
        isinstance(entry, Mapping) and isinstance(entry.get("field"), str) and isinstance(entry.get("type"), str)
        for entry in entries
    ):
        raise SpecError(f"{where}: must be a list of field and type")
    return [KnownTypeField(group, kind, entry["field"], entry["type"], where) for entry in entries]


def _compare_options(text: str) -> CompareOptions:
    where = f"argocd-cm {_OPTIONS}"
    document = (load_document(text, file=where) if text.strip() else None) or {}
    if not isinstance(document, Mapping):
        raise SpecError(f"{where}: must be a mapping")
    raw = document.get("ignoreResourceStatusField")
    status = _STATUS.get("" if raw is None else str(raw).lower() if isinstance(raw, bool | str) else "?")
    wrong = [] if status else [Violation("ignoreResourceStatusField", "must be all, crd or none")]
    flags = {"ignoreAggregatedRoles": False, "ignoreDifferencesOnResourceUpdates": True}
    for name, default in flags.items():
        value = document.get(name, default)
        if isinstance(value, bool):
            flags[name] = value
        else:
            wrong.append(Violation(name, "must be true or false"))
    if wrong or status is None:
        raise SpecError(where, wrong)
    return CompareOptions(flags["ignoreAggregatedRoles"], status, flags["ignoreDifferencesOnResourceUpdates"])


def _document(value: Any, where: str) -> Any:
    """Split keys hold text, the legacy form text or the thing itself."""
    if not isinstance(value, str):
        return value
    return load_document(value, file=where) if value.strip() else None
