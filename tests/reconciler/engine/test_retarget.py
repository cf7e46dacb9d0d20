from pathlib import Path

import pytest

from reconciler.engine.retarget import Retargeting, find_parent, plan_retarget, push_retarget, retarget_commit
from reconciler.errors import ReconcilerError, SpecError, UsageError
from tests.reconciler.engine.families import Family, application_text, config_text, family

__all__ = ["family"]

ADA = "Ada Example <ada@example.com>"
PATCH = """\
patches:
- target: {kind: Application}
  patch: |
    - {op: replace, path: /spec/source/targetRevision, value: x}
"""
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [web.yaml, api.yaml]\n"


def push(family: Family, change: Retargeting, branch: str = "") -> str:
    with retarget_commit(family.engine, change, author=ADA) as (work, commit):
        return push_retarget(work, commit, change, branch=branch)


@pytest.fixture
def grown(family: Family) -> Family:
    url = family.origin.url
    both = application_text("web", url, "web") + "---\n# between\n---\n" + application_text("api", url, "web")
    family.write({"apps/children.yaml": both, "web/config.yaml": config_text("web", "one")})
    return family


def test_one_line_changes_on_a_new_branch(grown: Family) -> None:
    before = grown.origin.head
    change = plan_retarget(grown.engine, grown.root(), "api", "feature/x")
    assert change.path == "apps/children.yaml"
    assert change.changes == (("spec.source.targetRevision", "main", "feature/x"),)
    assert change.base_branch == "main"
    assert push(grown, change) == "retarget/api/feature-x"
    shown = grown.origin.git("show", "--format=%an <%ae>%n%B", "--unified=0", "retarget/api/feature-x")
    assert shown.startswith(
        f"{ADA}\nRetarget api to feature/x\n\napps/children.yaml\nspec.source.targetRevision: main → feature/x\n"
    )
    assert [line for line in shown.splitlines() if line.startswith(("+ ", "- "))] == [
        "-    targetRevision: main   # what is deployed",
        "+    targetRevision: feature/x   # what is deployed",
    ]
    assert grown.origin.head == before
    assert grown.origin.git("rev-parse", "retarget/api/feature-x^") == before


def test_the_parent_is_known_by_the_childs_mark(grown: Family) -> None:
    grown.sync()
    assert find_parent(grown.engine, "web").name == "root"
    with pytest.raises(UsageError, match="nothing says which Application made root; name it with --parent"):
        find_parent(grown.engine, "root")
    with pytest.raises(UsageError, match="there is no Application none in namespace argocd"):
        find_parent(grown.engine, "none")


def test_a_branch_that_is_there(grown: Family) -> None:
    grown.origin.git("branch", "taken")
    change = plan_retarget(grown.engine, grown.root(), "api", "v2")
    with pytest.raises(UsageError, match=r"branch taken is in .* already; name another"):
        push(grown, change, "taken")
    grown.engine.begin_run()
    with pytest.raises(UsageError, match=r"branch taken is in .* already; name another"):
        push(grown, plan_retarget(grown.engine, grown.root(), "api", "v2"), "taken")
    with pytest.raises(UsageError, match="is not a name that Git allows"):
        push(grown, change, "--force")


@pytest.mark.parametrize(
    ("child", "revision", "kind", "message"),
    [
        ("none", "v2", UsageError, "root has no child Application none; it has api, web"),
        ("web", "main", UsageError, "web follows main already"),
        ("web", "a..b", ReconcilerError, "neither a name Git allows"),
        ("web", "-x", ReconcilerError, "neither a name Git allows"),
        ("web", "x\ny", ReconcilerError, "is not a branch, tag or commit id"),
    ],
)
def test_what_cannot_be(grown: Family, child: str, revision: str, kind: type[ReconcilerError], message: str) -> None:
    with pytest.raises(kind, match=message):
        plan_retarget(grown.engine, grown.root(), child, revision)


def test_several_sources_and_a_revision_that_is_missing(family: Family) -> None:
    url = family.origin.url
    sources = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web}}
spec:
  project: default
  destination: {{server: "https://kubernetes.default.svc", namespace: default}}
  sources:
  - repoURL: {url}
    path: web
  - {{repoURL: "https://charts.example.com", chart: redis, targetRevision: "7.0.0"}}
  - repoURL: {url} # values
    ref: values
"""
    family.write({"apps/web.yaml": sources})
    change = plan_retarget(family.engine, family.root(), "web", "v2")
    assert change.changes == (
        ("spec.sources[0].targetRevision", "", "v2"),
        ("spec.sources[2].targetRevision", "", "v2"),
    )
    push(family, change, "b")
    assert family.origin.git("show", "b:apps/web.yaml") + "\n" == sources.replace(
        "    path: web", "    targetRevision: v2\n    path: web"
    ).replace(" # values\n", " # values\n    targetRevision: v2\n")
    each = plan_retarget(family.engine, family.root(), "web", ",8.0.0,")
    assert each.changes == (("spec.sources[1].targetRevision", "7.0.0", "8.0.0"),)


def test_a_file_that_kustomize_takes_in(family: Family) -> None:
    url = family.origin.url
    family.write(
        {
            "apps/none.yaml": None,
            "apps/kustomization.yaml": KUSTOMIZATION.replace("web.yaml", "../base"),
            "apps/api.yaml": application_text("api", url, "web"),
            "base/kustomization.yaml": KUSTOMIZATION.replace(", api.yaml", ""),
            "base/web.yaml": application_text("web", url, "web"),
        }
    )
    change = plan_retarget(family.engine, family.root(), "web", "v2")
    assert change.path == "base/web.yaml"
    push(family, change, "b")
    assert "targetRevision: v2   # what is deployed" in family.origin.git("show", "b:base/web.yaml")


@pytest.mark.parametrize(
    ("more", "kind", "message"),
    [
        (
            PATCH,
            SpecError,
            "web still comes out with targetRevision x: a patch or transformer overrides it",
        ),
        ("nameSuffix: -prod\n", UsageError, "web-prod is not written down as it is in .* Kustomize makes it"),
    ],
)
def test_what_kustomize_makes_itself(family: Family, more: str, kind: type[ReconcilerError], message: str) -> None:
    url = family.origin.url
    family.write(
        {
            "apps/none.yaml": None,
            "apps/kustomization.yaml": KUSTOMIZATION + more,
            "apps/web.yaml": application_text("web", url, "web"),
            "apps/api.yaml": application_text("api", url, "web"),
        }
    )
    child = "web-prod" if "Suffix" in more else "web"
    with pytest.raises(kind, match=message):
        push(family, plan_retarget(family.engine, family.root(), child, "v2"), "b")
    assert "b" not in family.origin.git("branch", "--format=%(refname:short)").split()


def test_a_change_that_would_reach_others_is_refused(family: Family) -> None:
    url = family.origin.url
    replacement = """\
replacements:
- source: {kind: Application, name: web, fieldPath: spec.source.targetRevision}
  targets:
  - select: {kind: Application, name: api}
    fieldPaths: [spec.source.targetRevision]
"""
    family.write(
        {
            "apps/none.yaml": None,
            "apps/kustomization.yaml": KUSTOMIZATION + replacement,
            "apps/web.yaml": application_text("web", url, "web"),
            "apps/api.yaml": application_text("api", url, "web"),
        }
    )
    with pytest.raises(SpecError, match=r"the change of apps/web.yaml would change api as well; change it by hand"):
        push(family, plan_retarget(family.engine, family.root(), "web", "v2"), "b")


def test_a_helm_template_says_where_the_revision_is_made(family: Family) -> None:
    url = family.origin.url
    text = application_text("web", url, "web", revision="{{ .Values.web.revision }}")
    family.write(
        {
            "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
            "apps/values.yaml": "web: {revision: main}\n",
            "apps/none.yaml": None,
            "apps/templates/web.yaml": text,
            "apps/templates/api.yaml": application_text("api", url, "web"),
            "apps/templates/odd.yaml": "{{- range $name := list `odd` }}\n"
            + application_text("odd", url, "x")
            + "{{ end }}",
        }
    )
    with pytest.raises(
        UsageError,
        match=r"web is made by a template: apps/templates/web.yaml:13 has targetRevision: {{ .Values.web.revision }}; set "
        r"it in the values that this names",
    ):
        plan_retarget(family.engine, family.root(), "web", "v2")
    with pytest.raises(UsageError, match=r"odd is made by a template: apps/templates/odd.yaml:14 .* change it there"):
        plan_retarget(family.engine, family.root(), "odd", "v2")
    # One without template language is a plain manifest.
    assert push(family, plan_retarget(family.engine, family.root(), "api", "v2")) == "retarget/api/v2"


def test_a_program_says_where_the_revision_is_made(family: Family) -> None:
    program = (
        '{apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata: {name: "web"},\n spec: {project: "default",'
        ' source: {repoURL: "%s", path: "web",\n  targetRevision: "ma" + "in"},\n'
        ' destination: {server: "https://kubernetes.default.svc"}}}'
    )
    family.write({"apps/web.jsonnet": program % family.origin.url})
    with pytest.raises(UsageError, match=r"web is made by a template: apps/web.jsonnet:3 has targetRevision"):
        plan_retarget(family.engine, family.root(), "web", "v2")


def test_the_file_behind_a_link_is_changed(family: Family) -> None:
    family.write({"shared/web.yaml": application_text("web", family.origin.url, "web")})
    (family.origin.path / "apps" / "web.yaml").symlink_to("../shared/web.yaml")
    family.write({})
    change = plan_retarget(family.engine, family.root(), "web", "v2")
    assert change.path == "shared/web.yaml"
    push(family, change, "b")
    assert family.origin.git("diff", "--name-only", "main", "b") == "shared/web.yaml"


def test_a_tag_takes_no_pull_request(grown: Family, tmp_path: Path) -> None:
    grown.origin.git("tag", "v1")
    grown.engine.begin_run()
    root = grown.root()
    for revision, base in (("v1", None), ("HEAD", ""), ("refs/heads/main", "main")):
        source = root.spec.source.model_copy(update={"target_revision": revision})  # type: ignore[union-attr]
        parent = root.model_copy(update={"spec": root.spec.model_copy(update={"source": source})})
        change = plan_retarget(grown.engine, parent, "web", "v2")
        if base is None:
            with pytest.raises(UsageError, match="root follows 'v1', which is no branch"):
                _ = change.base_branch
        else:
            assert change.base_branch == base
