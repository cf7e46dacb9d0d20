"""Points a child Application at another revision, in the Git source of its parent: found, changed, checked, pushed."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reconciler.cluster.applications import get_application
from reconciler.cluster.tracking import application_of
from reconciler.engine.reconciler import Reconciler
from reconciler.errors import SpecError, UsageError
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of, name_of, namespace_of
from reconciler.model import Application, parse_application
from reconciler.source import Generator, RenderedSource, Repository, SourcedManifest, SourceType, Target, revisions_of
from reconciler.source.edit_scalar import EditableFile, Path, shown_path
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.git.refs import BRANCHES
from reconciler.source.git.revisions import parse_revision
from reconciler.source.git.writing import NEWEST, Author, Scratch, parse_author, require_branch_name, scratch
from reconciler.source.resolving import OCI, Repositories
from reconciler.terms import ARGO_GROUP

FIELD = "targetRevision"
_YAML = (".yaml", ".yml", ".json")
_REVISION_LINE = re.compile(rf"^\s*-?\s*{FIELD}\s*:\s*(?P<value>[^\s#][^#\n]*[^\s#])", re.MULTILINE)


@dataclass(frozen=True)
class Retargeting:
    """A change that is ready to be made.

    ``path`` is the file in ``repository``, ``base`` the commit it is read from, ``content`` what it will hold; ``changes`` are
    field paths with the revision before and after, ``wanted`` the revisions of all sources then.
    """

    parent: Application
    child: str
    source: RenderedSource
    repository: Repository
    path: str
    base: str
    before: bytes = field(repr=False)
    content: bytes = field(repr=False)
    changes: tuple[tuple[str, str, str], ...] = ()
    wanted: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The commit's message."""
        lines = "\n".join(f"{where}: {old or 'HEAD'} → {new}" for where, old, new in self.changes)
        return f"Retarget {self.child} to {self.changes[0][2]}\n\n{self.path}\n{lines}\n"

    @property
    def branch_name(self) -> str:
        """A name for the branch, where the user gives none."""
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", self.changes[0][2]).strip("-")
        return f"retarget/{self.child}/{slug}"

    @property
    def base_branch(self) -> str:
        """The branch that a pull request goes to; empty for the repository's default branch.

        Raises
        ------
        UsageError
            When the parent follows a tag or a commit.
        """
        revision = self.source.source.target_revision
        if revision in ("", "HEAD"):
            return ""
        name = revision.removeprefix(BRANCHES)
        if f"{BRANCHES}{name}" not in self.repository.mirror.refs():
            raise UsageError(
                f"{self.parent.name} follows {shown(revision)}, which is no branch; a pull request needs one to merge into"
            )
        return name


def find_parent(engine: Reconciler, child: str) -> Application:
    """The Application that made a child, by the child's tracking mark in the cluster.

    Raises
    ------
    UsageError
        When the cluster has no such child, or nothing says who made it.
    """
    live = get_application(engine.connection, engine.comparer.discovery, namespace=engine.namespace, name=child)
    if live is None:
        raise UsageError(
            f"there is no Application {child} in namespace {engine.namespace}; name its parent with --parent"
        )
    owners = metadata_of(live).get("ownerReferences") or ()
    owner = next((str(entry["name"]) for entry in owners if entry["kind"] == "ApplicationSet"), None)
    if owner is not None:
        raise UsageError(f"{child} is made by ApplicationSet {owner}; change the revision there")
    name = application_of(live, engine.comparer.settings.tracking)
    if not name:
        raise UsageError(f"nothing says which Application made {child}; name it with --parent")
    namespace, _, bare = name.rpartition("_")
    return engine.application(bare, namespace=namespace)


def plan_retarget(engine: Reconciler, parent: Application, child: str, revision: str) -> Retargeting:
    """Find where a child's revision is written, and write another; nothing leaves this process.

    Parameters
    ----------
    revision
        For the child's first source that is no chart and all others of its repository; ``A,B`` names one for each source.

    Raises
    ------
    UsageError
        When there is no such child, it has that revision already, or its manifest is not written down in Git.
    SpecError
        When the value stands where it cannot be changed alone.
    """
    target = engine.generate(parent)
    sourced = _find_child(target, parent, child)
    application = _parsed(sourced.manifest, engine.namespace)
    wanted = revisions_of(application, revision)
    values = dict(_values(application, wanted))
    if not values:
        raise UsageError(f"{child} follows {revision} already")
    source = target.sources[sourced.source_index]
    repository = _repository(engine, parent, child, source)
    found, document, root = _find_file(repository, source, sourced, child)
    before = _raw(repository, found)
    file = EditableFile(before, file=found.path)
    changes = tuple((shown_path(path), file.value(document, (*root, *path)), new) for path, new in values.items())
    content = file.with_values(document, {(*root, *path): new for path, new in values.items()}, after="repoURL")
    return Retargeting(
        parent, child, source, repository, found.path, source.revision, before, content, changes, tuple(wanted)
    )


@contextmanager
def retarget_commit(engine: Reconciler, change: Retargeting, *, author: str = "") -> Iterator[tuple[Scratch, str]]:
    """Make the commit in a scratch repository and check by rendering it that the child, and nothing else, changes.

    Raises
    ------
    UsageError
        When there is no author.
    SpecError
        When the manifests do not come out as wanted.
    """
    with scratch(change.repository) as work:
        by: Author = parse_author(author) if author else work.configured_author()
        commit = work.commit(change.base, {change.path: change.content}, message=change.message, author=by)
        _check(engine, change, work)
        yield work, commit


def push_retarget(work: Scratch, commit: str, change: Retargeting, *, branch: str = "") -> str:
    """Push the commit as a new branch, and return the branch's name; errors are those of `Scratch.push`."""
    name = require_branch_name(branch or change.branch_name)
    if f"{BRANCHES}{name}" in change.repository.mirror.refs():
        raise UsageError(f"branch {name} is in {change.repository} already; name another with --branch, or delete it")
    work.push(commit, name)
    return name


def _find_child(target: Target, parent: Application, child: str) -> SourcedManifest:
    children = [entry for entry in target.manifests if _is_application(entry.manifest)]
    found = [entry for entry in children if name_of(entry.manifest) == child]
    if len(found) > 1:
        places = ", ".join(sorted(namespace_of(entry.manifest) or "its own" for entry in found))
        raise UsageError(f"{parent.name} has several Applications {child}, in namespaces {places}")
    if not found:
        names = ", ".join(sorted(name_of(entry.manifest) for entry in children))
        there = f"it has {names}" if names else "it has no Applications"
        raise UsageError(f"{parent.name} has no child Application {child}; {there}")
    return found[0]


def _is_application(manifest: Manifest) -> bool:
    gvk = GroupVersionKind.of(manifest)
    return (gvk.group, gvk.kind) == (ARGO_GROUP, "Application")


def _parsed(manifest: Manifest, namespace: str) -> Application:
    metadata = {"namespace": namespace, **metadata_of(manifest)}
    return parse_application({**manifest, "metadata": metadata}, where="child", from_cluster=True)


def _values(application: Application, wanted: Iterable[str]) -> Iterator[tuple[Path, str]]:
    for index, (source, new) in enumerate(zip(application.sources, wanted, strict=True)):
        if new == source.target_revision:
            continue
        if not source.chart:
            parse_revision(new, source.repo_url)
        yield (("spec", "sources", index) if application.spec.sources else ("spec", "source")) + (FIELD,), new


def _repository(engine: Reconciler, parent: Application, child: str, source: RenderedSource) -> Repository:
    url = source.source.repo_url
    if source.source.chart or url.startswith(OCI):
        what = f"chart {source.source.chart}" if source.source.chart else "an artifact"
        raise UsageError(f"{child} comes out of {what} of {shown(url)}; change it where that is made")
    if source.source_type not in (SourceType.DIRECTORY, SourceType.KUSTOMIZE, SourceType.HELM):
        raise UsageError(f"{child} is made by {source.source_type}; change it where its input is written")
    return engine.sources.repositories.open(url, allow_local=True, project=parent.project)


def _find_file(
    repository: Repository, source: RenderedSource, sourced: SourcedManifest, child: str
) -> tuple[Entry, int, Path]:
    """The file with the child's manifest, and where in it."""
    tree = Tree(repository, repository.tree_of(source.revision), name=str(repository), revision=source.revision)
    if source.source_type is SourceType.KUSTOMIZE:
        candidates = sorted({path for path, _ in source.files if path.endswith(_YAML) and not path.startswith("$")})
    else:
        candidates = [sourced.origin]
    found: dict[tuple[str, int, Path], Entry] = {}
    for path in candidates:
        entry = tree.find(path)
        if entry is None or entry.kind is not Kind.FILE:
            continue
        for document, root in _places_of(tree, entry, child, source.source_type):
            found[entry.path, document, root] = entry
    if not found:
        raise UsageError(
            f"{child} is not written down as it is in {tree}: {source.source_type} makes it; change it by hand"
        )
    if len(found) > 1:
        files = ", ".join(path for path, _, _ in sorted(found))
        raise UsageError(f"{child} is written several times, in {files}; change its {FIELD} by hand")
    ((_, document, root), entry) = next(iter(found.items()))
    if entry.store is not repository:
        raise UsageError(f"{child} is written in {entry.path}, which lies in a submodule; change it in that repository")
    return entry, document, root


def _places_of(tree: Tree, entry: Entry, child: str, source_type: SourceType | None) -> Iterator[tuple[int, Path]]:
    data = tree.read(entry)
    try:
        if source_type is SourceType.HELM and b"{{" in data:
            raise SpecError("a template")
        if not entry.path.endswith(_YAML):
            raise SpecError("a program")
        file = EditableFile(data, file=entry.path)
    except SpecError as error:
        if source_type is SourceType.KUSTOMIZE:
            return
        raise UsageError(_computed(child, entry.path, data)) from error
    for document, root in file.objects():
        if (
            file.value(document, (*root, "kind")) == "Application"
            and file.value(document, (*root, "apiVersion")).startswith(f"{ARGO_GROUP}/")
            and file.value(document, (*root, "metadata", "name")) == child
        ):
            yield document, root


def _computed(child: str, path: str, data: bytes) -> str:
    """Why a revision that a template or program makes is not changed, and where it is made."""
    text = data.decode("utf-8", "replace")
    line = _REVISION_LINE.search(text)
    if line is None:
        return f"{child} is made by {path}, which is no plain manifest; change its {FIELD} there"
    number = text.count("\n", 0, line.start("value")) + 1
    value = line["value"]
    hint = "set it in the values that this names" if ".Values" in value else "change it there"
    return f"{child} is made by a template: {path}:{number} has {FIELD}: {shown(value)[1:-1]}; {hint}"


def _raw(repository: Repository, entry: Entry) -> bytes:
    """The file as Git has it: a pointer of Git LFS must not become what it stands for."""
    return repository.read_object(entry.object_id, kind="blob")


class _WithScratch:
    """The repositories of a run, with the scratch in the place of one."""

    def __init__(self, others: Repositories, url: str, repository: Repository) -> None:
        self._others = others
        self._url = url
        self._repository = repository

    def open(self, url: str, *, fetch: bool = True, allow_local: bool = False, project: str = "") -> Repository:
        if url == self._url:
            return self._repository
        return self._others.open(url, fetch=fetch, allow_local=allow_local, project=project)


def _check(engine: Reconciler, change: Retargeting, work: Scratch) -> None:
    """Render the source once more, from the commit."""
    before, after = (
        {
            (namespace_of(entry.manifest), str(GroupVersionKind.of(entry.manifest)), name_of(entry.manifest)): entry
            for entry in _rendered(engine, change, repository, revision).manifests
        }
        for repository, revision in ((change.repository, change.base), (work.repository, NEWEST))
    )
    child = next(entry for entry in after.values() if _is_named(entry, change.child))
    revisions = tuple(source.target_revision for source in _parsed(child.manifest, engine.namespace).sources)
    if revisions != change.wanted:
        raise SpecError(
            f"{change.path} is changed, and {change.child} still comes out with {FIELD} {', '.join(revisions) or 'HEAD'}: "
            "a patch or transformer overrides it; change it there"
        )
    others = [
        key[2]
        for key in sorted({*before, *after})
        if key not in before
        or key not in after
        or (before[key].manifest != after[key].manifest and not _is_named(after[key], change.child))
    ]
    if others:
        raise SpecError(f"the change of {change.path} would change {', '.join(others)} as well; change it by hand")


def _is_named(entry: SourcedManifest, name: str) -> bool:
    return _is_application(entry.manifest) and name_of(entry.manifest) == name


def _rendered(engine: Reconciler, change: Retargeting, repository: Repository, revision: str) -> Target:
    source = change.source.source.model_copy(update={"target_revision": revision})
    spec = change.parent.spec.model_copy(update={"source": source, "sources": ()})
    # Made anew: a copy would keep the sources that the parent has worked out.
    alone = Application.model_construct(
        api_version=change.parent.api_version,
        kind=change.parent.kind,
        metadata=change.parent.metadata,
        spec=spec,
        status={},
    )
    generator = Generator(
        _WithScratch(engine.sources.repositories, source.repo_url, repository),
        settings=engine.sources.configuration.settings,
        charts=engine.sources.charts,
        namespace=engine.namespace,
    )
    return generator.generate(alone)
