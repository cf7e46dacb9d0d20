"""Which differences ignore rules hide: what a rule selects is set aside on both sides, and they are compared again.

Source: util/argo/normalizers/diff_normalizer.go and managedfields of Argo CD 3.6. There a rule that fails is passed over in
silence; here what it touches is Unknown with the reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from reconciler.diff.fields import Change
from reconciler.diff.places import path_steps, pointer_steps, without
from reconciler.diff.records import ABSENT
from reconciler.diff.rules import IgnoreRule, RuleForm
from reconciler.errors import SpecError
from reconciler.jq.records import JqOutcome, Steps
from reconciler.manifest import FieldPath, OpenApi, Ownership
from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.manifest.typed.fieldset import FieldSet
from reconciler.terms import ANNOTATION_LAST_APPLIED

_EMPTY: Final[tuple[Any, ...]] = (ABSENT, None, {}, [])


class JqPort(Protocol):
    """Evaluates jq expressions; `reconciler.jq.evaluate.JqEvaluator` is one."""

    def deleted(
        self, expressions: Sequence[str], objects: Sequence[Mapping[str, Any]], *, shown: bool = True
    ) -> list[JqOutcome]:
        """What ``del(<expression>)`` removes of each object, one outcome an expression."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule selects: one tuple of places an object, or why that cannot be told."""

    rule: IgnoreRule
    places: tuple[tuple[Steps, ...], ...]
    error: str = ""

    @property
    def used(self) -> bool:
        return any(self.places)


def find_ignored(
    rules: Sequence[IgnoreRule],
    objects: Sequence[Manifest],
    *,
    live: Manifest | None,
    openapi: OpenApi,
    jq: JqPort | None,
    secret: bool,
) -> list[Found]:
    """What each rule selects in each of these objects of one key, in the order of the rules.

    Parameters
    ----------
    live
        The object whose managedFields say what a manager owns.
    secret
        Whether messages must keep the objects' values to themselves.
    """
    expressions = [rule.text for rule in rules if rule.form is RuleForm.JQ]
    outcomes = _outcomes(expressions, objects, jq, secret=secret) if expressions else {}
    found = []
    for rule in rules:
        if rule.form is RuleForm.JQ:
            outcome = outcomes[rule.text]
            found.append(Found(rule, outcome.paths, outcome.error))
        elif rule.form is RuleForm.JSON_POINTER:
            found.append(Found(rule, tuple(_one(pointer_steps(obj, rule.text)) for obj in objects)))
        else:
            paths = list(_owned_by(rule.text, live, openapi))
            found.append(Found(rule, tuple(_all(obj, paths) for obj in objects)))
    return found


def _outcomes(
    expressions: Sequence[str], objects: Sequence[Manifest], jq: JqPort | None, *, secret: bool
) -> dict[str, JqOutcome]:
    if jq is None:
        return dict.fromkeys(expressions, JqOutcome(error="cannot be evaluated here: there is no jq worker"))
    # Where nothing differs, the prediction is the live object itself.
    distinct = {id(obj): obj for obj in objects}
    answers = jq.deleted(expressions, [_for_jq(obj) for obj in distinct.values()], shown=not secret)
    if len(distinct) < len(objects):
        places = [list(distinct).index(id(obj)) for obj in objects]
        answers = [
            answer if answer.error else JqOutcome(tuple(answer.paths[place] for place in places)) for answer in answers
        ]
    return dict(zip(expressions, answers, strict=True))


def assign_rules(
    changes: Sequence[Change],
    found: Sequence[Found],
    target: Manifest,
    live: Manifest,
    differ: Callable[[Any, Any], Iterable[Change]],
) -> dict[FieldPath, str]:
    """By the path of each change that does not count: the label of the first rule that hides it.

    Parameters
    ----------
    found
        What each rule selects in target and live.
    differ
        Compares a target and a live object.
    """
    hidden: dict[FieldPath, str] = {}
    remaining = list(changes)
    gone: tuple[list[Steps], list[Steps]] = ([], [])
    for entry in found:
        if not remaining:
            break
        if not entry.used:
            continue
        for places, more in zip(gone, entry.places, strict=True):
            places.extend(more)
        after = list(differ(without(target, gone[0]), without(live, gone[1])))
        for change in remaining:
            if not _stays(change, after):
                hidden[change.path] = entry.rule.label
        remaining = [change for change in remaining if change.path not in hidden]
    return hidden


def _stays(change: Change, after: Iterable[Change]) -> bool:
    """Whether any of a change is left; a container that only setting aside has emptied is no change."""
    return any(
        left.path.is_below(change.path)
        or (change.path.is_below(left.path) and not (left.target in _EMPTY and left.live in _EMPTY))
        for left in after
    )


def _one(steps: Steps | None) -> tuple[Steps, ...]:
    return () if not steps else (steps,)


def _all(obj: Manifest, paths: Iterable[FieldPath]) -> tuple[Steps, ...]:
    return tuple(steps for path in paths if (steps := path_steps(obj, path)))


def _owned_by(manager: str, live: Manifest | None, openapi: OpenApi) -> Iterator[FieldPath]:
    """The fields that a manager owns, each by itself: not the maps and items that it shares with others."""
    if live is None:
        return
    try:
        entries = Ownership(live, openapi).entries
    except SpecError:
        return
    for entry in entries:
        if entry.manager == manager:
            yield from (FieldPath.of(elements) for elements in _leaves(entry.fields))


def _leaves(fields: FieldSet, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for element, below in fields.items():
        if element == ".":
            continue
        if below:
            yield from _leaves(below, (*prefix, element))
        else:
            yield (*prefix, element)


def _for_jq(obj: Manifest) -> Manifest:
    """Without what takes no part in a comparison and is half of the object's size."""
    metadata = dict(metadata_of(obj))
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if isinstance(annotations, Mapping):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != ANNOTATION_LAST_APPLIED}
    return {**obj, "metadata": metadata}
