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

_TAGGED = re.compile(r"(?P<name>.*):(?P<tag>[a-zA-Z0-9._-]*|\*)")
_FIELDS = (
    *("namePrefix", "nameSuffix", "namespace", "images", "replicas", "patches", "components"),
    *("commonLabels", "labels", "commonAnnotations"),
)

Substitute = Callable[[str], str]


def edit_kustomization(
    kustomization: Mapping[str, Any], options: KustomizeOptions, *, substitute: Substitute, field: str
) -> dict[str, Any]:
    """The kustomization with an Application's options in it.

    Parameters
    ----------
    substitute
        Puts build variables into images, and into annotations where ``commonAnnotationsEnvsubst`` asks for it.
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
        kept = [item for item in edited.get("replicas") or () if item.get("name") not in counts]
        edited["replicas"] = kept + [{"name": name, "count": count} for name, count in counts.items()]
    _add_labels(edited, options, field)
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
        present = list(edited.get("components") or ())
        edited["components"] = present + [component for component in options.components if component not in present]
    return edited


def parse_image(text: str, *, field: str) -> dict[str, str]:
    """``name:tag``, ``name@digest``, ``name=new``, ``name=new:tag`` or ``name=new:tag@digest`` as an ``images`` entry.

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
    # An asterisk keeps what the file says.
    values = {"newName": new_name, "newTag": tag, "digest": digest}
    return {"name": name} | {key: value for key, value in values.items() if value not in ("", "*")}


def _merge_images(present: Any, wanted: list[str], field: str) -> list[dict[str, Any]]:
    images = {image["name"]: image for image in (parse_image(text, field=field) for text in wanted)}
    for image in present or ():
        wanted_image = images.setdefault(image.get("name", ""), image)
        if wanted_image is not image:
            inherited = {key: value for key, value in image.items() if key == "newName"}
            if not {"newTag", "digest"} & wanted_image.keys():
                inherited |= {key: value for key, value in image.items() if key in ("newTag", "digest")}
            images[image["name"]] = inherited | wanted_image
    return [images[name] for name in sorted(images)]


def _add_labels(edited: dict[str, Any], options: KustomizeOptions, field: str) -> None:
    if not options.common_labels:
        return
    where = f"{field}.commonLabels"
    if not options.label_without_selector:
        if options.label_include_templates:
            raise GenerationError(f"{field}.labelIncludeTemplates needs labelWithoutSelector: true")
        edited["commonLabels"] = _merged(
            edited.get("commonLabels"), options.common_labels, where, force=options.force_common_labels
        )
        return
    present = [label for label in edited.get("labels") or () if isinstance(label, dict)]
    for label in present:
        _merged(label.get("pairs"), options.common_labels, where, force=options.force_common_labels)
    entry: dict[str, Any] = {"pairs": dict(options.common_labels)}
    if options.label_include_templates:
        entry["includeTemplates"] = True
    edited["labels"] = [*present, entry]


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
    for name in ("images", "replicas", "labels", "patches"):
        if any(not isinstance(item, dict) for item in canonical.get(name) or ()):
            raise GenerationError(f"{field}: {name} of the kustomization file is not a list of mappings")
    return canonical
