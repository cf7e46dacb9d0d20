"""``spec.source.kustomize`` written into a kustomization, as ``kustomize edit`` writes it.

An overlay on top would not do: a name prefix of the Application replaces that of the file, an overlay would stack it.
Source: util/kustomize/kustomize.go of Argo CD; kustomize/commands/edit of kustomize.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.errors import GenerationError
from reconciler.model.source import KustomizeOptions
from reconciler.source.files.paths import shown

_KEEP = "*"
_TAGGED = re.compile(r"(?P<name>.*):(?P<tag>[a-zA-Z0-9._-]*|\*)")
_FIELDS = (
    *("namePrefix", "nameSuffix", "namespace", "images", "replicas", "patches", "components"),
    *("commonLabels", "labels", "commonAnnotations", "imageTags"),
)

Substitute = Callable[[str], str]


def edit_kustomization(
    kustomization: Mapping[str, Any], options: KustomizeOptions, *, substitute: Substitute, field: str
) -> dict[str, Any]:
    """The kustomization with an Application's options in it.

    Parameters
    ----------
    substitute
        Puts build variables into images and labels, and into annotations where ``commonAnnotationsEnvsubst`` asks for it.
    field
        Field path of the options, for messages.

    Raises
    ------
    GenerationError
        An image that is none; a label or annotation that is there already and not forced.
    """
    if options == KustomizeOptions():
        return dict(kustomization)
    edited = _canonical(kustomization, field)
    for name, value in (
        ("namePrefix", options.name_prefix),
        ("nameSuffix", options.name_suffix),
        ("namespace", options.namespace),
    ):
        if value:
            edited[name] = value
    if options.images:
        edited["images"] = _merge_images(
            edited.get("images"), [substitute(image) for image in options.images], f"{field}.images"
        )
    if options.replicas:
        counts = {replica.name: _count(replica.count, replica.name, field) for replica in options.replicas}
        present = [
            {"name": item["name"], "count": counts.pop(item["name"])} if item.get("name") in counts else item
            for item in edited.get("replicas") or ()
        ]
        edited["replicas"] = present + [{"name": name, "count": count} for name, count in counts.items()]
    _add_labels(edited, options, substitute, field)
    if options.common_annotations:
        change = substitute if options.common_annotations_envsubst else str
        annotations = {key: change(value) for key, value in options.common_annotations.items()}
        edited["commonAnnotations"] = _merged(
            edited.get("commonAnnotations"),
            annotations,
            f"{field}.commonAnnotations",
            force=options.force_common_annotations,
        )
    if options.patches:
        patches = [patch.model_dump(by_alias=True, exclude_defaults=True) for patch in options.patches]
        edited["patches"] = [*(edited.get("patches") or ()), *patches]
    if options.components:
        edited["components"] = list(dict.fromkeys([*(edited.get("components") or ()), *options.components]))
    return edited


def parse_image(text: str, *, field: str) -> dict[str, str]:
    """``name:tag``, ``name@digest``, ``name=new``, ``name=new:tag`` or ``name=new:tag@digest`` as an ``images`` entry.

    An asterisk stands for what the kustomization file says.

    Raises
    ------
    GenerationError
        When it is none of these.
    """
    name, separator, rest = text.partition("=")
    rest = rest if separator else text
    rest, _, digest = rest.partition("@")
    match = _TAGGED.fullmatch(rest)
    new_name, tag = (match["name"], match["tag"]) if match else (rest, "")
    if not separator:
        name, new_name = new_name, ""
        if not tag and not digest:
            raise GenerationError(
                f"{field}: {shown(text)} names no tag or digest; write name:tag, name@digest or name=new:tag"
            )
    if not name or (separator and not new_name):
        raise GenerationError(f"{field}: {shown(text)} names no image; write name:tag, name@digest or name=new:tag")
    values = {"newName": new_name, "newTag": tag, "digest": digest}
    return {"name": name} | {key: value for key, value in values.items() if value}


def _merge_images(present: Any, wanted: list[str], field: str) -> list[dict[str, Any]]:
    """As ``kustomize edit set image``: an entry of the same name is replaced, but for what an asterisk keeps."""
    images: dict[str, dict[str, Any]] = {}
    for image in (parse_image(text, field=field) for text in wanted):
        images[image["name"]] = image
    for image in present or ():
        if (wanted_image := images.get(image.get("name", ""))) is None:
            images[image.get("name", "")] = image
        else:
            kept = {key: image.get(key, "") for key, value in wanted_image.items() if value == _KEEP}
            images[image["name"]] = wanted_image | kept
    return [{key: value for key, value in images[name].items() if value not in ("", _KEEP)} for name in sorted(images)]


def _add_labels(edited: dict[str, Any], options: KustomizeOptions, substitute: Substitute, field: str) -> None:
    if not options.common_labels:
        return
    where, force = f"{field}.commonLabels", options.force_common_labels
    labels = {name: substitute(value) for name, value in options.common_labels.items()}
    if not options.label_without_selector:
        if options.label_include_templates:
            raise GenerationError(f"{field}.labelIncludeTemplates needs labelWithoutSelector: true")
        edited["commonLabels"] = _merged(edited.get("commonLabels"), labels, where, force=force)
        return
    entries = list(edited.get("labels") or ())
    for index, entry in enumerate(entries):
        templates = bool(entry.get("includeTemplates"))
        if not entry.get("includeSelectors") and templates == options.label_include_templates:
            entries[index] = entry | {"pairs": _merged(entry.get("pairs"), labels, where, force=force)}
            break
    else:
        entries.append({"pairs": labels} | ({"includeTemplates": True} if options.label_include_templates else {}))
    edited["labels"] = entries


def _merged(present: Any, wanted: Mapping[str, str], field: str, *, force: bool) -> dict[str, str]:
    before = dict(present) if isinstance(present, Mapping) else {}
    if not force and (twice := sorted(before.keys() & wanted.keys())):
        force_field = field.rpartition(".")[2].replace("common", "forceCommon")
        raise GenerationError(
            f"{field}: {', '.join(twice)} is already in the kustomization file; set {force_field}: true to replace it"
        )
    return before | dict(wanted)


def _count(count: int | str, name: str, field: str) -> int:
    if isinstance(count, str) and not (count.isascii() and count.isdigit()):
        raise GenerationError(f"{field}.replicas: the count of {shown(name)} is not a number")
    return int(count)


def _canonical(kustomization: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The edited fields in their usual spelling: kustomize accepts any case."""
    spelling = {name.casefold(): name for name in _FIELDS}
    canonical: dict[str, Any] = {}
    for key, value in kustomization.items():
        name = spelling.get(key.casefold(), key)
        if name in canonical:
            raise GenerationError(f"{field}: the kustomization file holds {name} twice")
        canonical[name] = value
    for name in ("images", "imageTags", "replicas", "labels", "patches"):
        items = canonical.get(name) or []
        named = name not in ("labels", "patches")
        if not isinstance(items, list) or not all(
            isinstance(item, dict) and (not named or isinstance(item.get("name", ""), str)) for item in items
        ):
            raise GenerationError(f"{field}: {name} of the kustomization file is not a list of mappings")
    components = canonical.get("components") or []
    if not isinstance(components, list) or not all(isinstance(item, str) for item in components):
        raise GenerationError(f"{field}: components of the kustomization file is not a list of paths")
    if tags := canonical.pop("imageTags", None):
        # The name of the field before kustomize 1.0.10; `kustomize edit` moves it too.
        canonical["images"] = [*(canonical.get("images") or ()), *tags]
    return canonical
