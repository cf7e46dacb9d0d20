"""Runs the cases of a directory of customizations laid out as Argo CD's own.

``<group>/<Kind>/health_test.yaml`` holds ``tests``, each an ``inputPath`` and the ``healthStatus`` that its script must
return; ``actions/action_test.yaml`` holds ``discoveryTests`` and ``actionTests``.

Source: util/lua/health_test.go and custom_actions_test.go, argo-cd 37ee009.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.errors import ReconcilerError, SpecError
from reconciler.health.actions import (
    ActionParameter,
    ActionResult,
    ResourceAction,
    discover_actions,
    run_action,
)
from reconciler.health.customizations import Customizations
from reconciler.health.normalize import differences, normalized
from reconciler.health.parse import parse_files
from reconciler.health.scripts import ScriptRunner, assess_by_script
from reconciler.manifest.objects import GroupVersionKind, name_of, namespace_of
from reconciler.manifest.yaml import load_documents
from reconciler.scripts import default_scripts, read_tree
from reconciler.scripts.tree import SUITES
from reconciler.terms import HealthStatus

HEALTH_TESTS: Final = "health_test.yaml"
ACTION_TESTS: Final = "action_test.yaml"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: ``type`` is health, discovery or action; ``failure`` is empty when it passed."""

    type: str
    name: str
    failure: str = ""

    @property
    def passed(self) -> bool:
        return not self.failure


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """All cases of a directory, by path; ``suites`` counts the folders with cases of health."""

    suites: int
    cases: tuple[CaseResult, ...]

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        return tuple(case for case in self.cases if case.failure)

    def count(self, type_: str) -> int:
        """How many cases of that type there are."""
        return sum(case.type == type_ for case in self.cases)


def run_customization_tests(directory: Path | str, *, runner: ScriptRunner | None = None) -> SuiteReport:
    """Run every case below a directory with the scripts of that directory alone.

    A case that cannot be read is one that failed.

    Raises
    ------
    UsageError
        When the directory cannot be read.
    """
    files = read_tree(Path(directory), suffixes=SUITES)
    scripts = Customizations((parse_files(files, origin=str(directory)),), kstatus=False)
    suites = _Suites(files, scripts, runner or default_scripts())
    cases: list[CaseResult] = []
    for path in files:
        if posixpath.basename(path) in (HEALTH_TESTS, ACTION_TESTS):
            cases += suites.run(path)
    return SuiteReport(sum(posixpath.basename(path) == HEALTH_TESTS for path in files), tuple(cases))


class _Suites:
    def __init__(self, files: Mapping[str, str], customizations: Customizations, runner: ScriptRunner) -> None:
        self._files = files
        self._customizations = customizations
        self._runner = runner

    def run(self, path: str) -> Iterator[CaseResult]:
        folder, name = posixpath.split(path)
        try:
            suite = self._document(path)
            parts = [("health", "tests")] if name == HEALTH_TESTS else _ACTION_PARTS
            rows = [(type_, index, row) for type_, key in parts for index, row in enumerate(_rows(suite, key))]
        except SpecError as error:
            yield CaseResult("health" if name == HEALTH_TESTS else "action", path, str(error))
            return
        for type_, index, row in rows:
            label = str(row.get("inputpath") or index)
            title = f"{folder}/{row['action']}/{label}" if "action" in row else f"{folder}/{label}"
            try:
                yield CaseResult(type_, title, self._failure(type_, folder, row))
            except ReconcilerError as error:
                yield CaseResult(type_, title, str(error))

    def _failure(self, type_: str, folder: str, row: Mapping[str, Any]) -> str:
        obj = self._document(posixpath.join(folder, str(row.get("inputpath", ""))))
        if type_ == "health":
            return self._health(obj, row)
        return self._discovery(obj, row) if type_ == "discovery" else self._action(obj, row, folder)

    def _health(self, obj: Mapping[str, Any], row: Mapping[str, Any]) -> str:
        expected = _folded(row.get("healthstatus") or {})
        wanted = Health(HealthStatus(expected.get("status", "Unknown")), str(expected.get("message") or ""))
        script = self._customizations.health_script(GroupVersionKind.of(obj))
        if script is None:
            return f"there is no script for {GroupVersionKind.of(obj)}"
        # The script alone: some of upstream's judge objects that are being deleted.
        found = assess_by_script(script, obj, self._runner)
        return "" if found == wanted else f"expected {_shown(wanted)}, found {_shown(found)}"

    def _discovery(self, obj: Mapping[str, Any], row: Mapping[str, Any]) -> str:
        expected = [_expected_action(entry) for entry in row.get("result") or []]
        found = discover_actions(obj, customizations=self._customizations, runner=self._runner)
        known = {_essence(action) for action in expected}
        extra = [action for action in found if _essence(action) not in known]
        missing = {action.name for action in expected} - {action.name for action in found}
        if extra:
            return f"not expected: {extra[0]}"
        return f"not found: {', '.join(sorted(missing))}" if missing else ""

    def _action(self, obj: Mapping[str, Any], row: Mapping[str, Any], folder: str) -> str:
        message = row.get("expectederrormessage")
        parameters = {str(key): str(value) for key, value in (row.get("parameters") or {}).items()}
        try:
            made = run_action(
                obj,
                str(row.get("action")),
                customizations=self._customizations,
                runner=self._runner,
                parameters=parameters,
            )
        except ReconcilerError as error:
            return "" if message and message in str(error) else str(error)
        if message:
            return f"expected the error {message!r}, found none"
        document = self._document(posixpath.join(folder, str(row.get("expectedoutputpath", ""))), mapping=False)
        expected = [entry["unstructuredObj"] for entry in document] if isinstance(document, list) else [document]
        found = [problem for result in made if (problem := _compare(result, expected, obj))]
        return found[0] if found else ""

    def _document(self, path: str, *, mapping: bool = True) -> Any:
        """The first document of a file, which is the one that Argo CD's own runner reads."""
        path = posixpath.normpath(path)
        if path not in self._files:
            raise SpecError(f"{path}: there is no such file")
        documents = load_documents(self._files[path], file=path, last_key_wins=True)
        if not documents or (mapping and not isinstance(documents[0], dict)):
            raise SpecError(f"{path}: expected a mapping")
        return documents[0]


_ACTION_PARTS: Final = [("discovery", "discoveryTests"), ("action", "actionTests")]


def _rows(suite: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The cases under a key, their field names in lower case: Go reads ``inputpath`` as ``inputPath``."""
    rows = _folded(suite).get(key.lower()) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SpecError(f"{key}: expected a list of mappings")
    return [_folded(row) for row in rows]


def _folded(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in mapping.items()}


def _shown(health: Health | None) -> str:
    return "no health" if health is None else f"{health.status} {health.message!r}"


def _essence(action: ResourceAction) -> tuple[Any, ...]:
    """What Argo CD's runner compares: of a parameter its name alone (ResourceActionParam)."""
    parameters = tuple(parameter.name for parameter in action.parameters)
    return action.name, action.disabled, action.icon_class, action.display_name, parameters


def _expected_action(entry: Mapping[str, Any]) -> ResourceAction:
    row = _folded(entry)
    parameters = [_folded(parameter) for parameter in row.get("params") or []]
    names = ("name", "value", "type", "default")
    return ResourceAction(
        str(row.get("name")),
        row.get("disabled") is True,
        str(row.get("iconclass") or ""),
        str(row.get("displayname") or ""),
        tuple(ActionParameter(*(str(entry.get(name) or "") for name in names)) for entry in parameters),
    )


def _compare(result: ActionResult, expected: list[Any], source: Mapping[str, Any]) -> str:
    """How an object differs from the expected one of its kind and name; a created one may have its name's end anew."""
    made = result.manifest
    gvk = GroupVersionKind.of(made)
    of_kind = [
        entry for entry in expected if GroupVersionKind.of(entry) == gvk and namespace_of(entry) == namespace_of(made)
    ]
    same = [entry for entry in of_kind if name_of(entry) == name_of(made)] or [
        entry
        for entry in of_kind
        if name_of(made).startswith(name_of(source)) and name_of(entry).startswith(name_of(source))
    ]
    if not same:
        return f"{result.operation} of {gvk} {name_of(made)} is not expected"
    wanted, found = normalized(same[0], name=name_of(source)), normalized(made, name=name_of(source))
    problems = differences(wanted, found)
    return f"{result.operation} of {gvk} {name_of(made)}: {problems[0]}" if problems else ""
