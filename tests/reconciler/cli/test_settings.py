"""Global options stand anywhere; an Application comes from a file."""

from pathlib import Path

import pytest

from reconciler.cli.settings import hoist_global_options, read_application
from reconciler.errors import SpecError, UsageError

HOISTED = {
    "nothing": ("", ""),
    "no options": ("app list", "app list"),
    "in front": ("-o json app list", "-o json app list"),
    "behind": ("app list -o json", "-o json app list"),
    "between": ("app -o json list", "-o json app list"),
    "several, in their order": (
        "app --context a diff shop -n team --quiet --store s --kubeconfig k --debug",
        "--context a -n team --quiet --store s --kubeconfig k --debug app diff shop",
    ),
    "long with =": ("app list --namespace=team", "--namespace team app list"),
    "long with = and an empty value": ("app list --context=", "--context  app list"),
    "long with = in the value": ("app list --store=sqlite:///a?b=c", "--store sqlite:///a?b=c app list"),
    "short with =": ("app list -n=team", "-n team app list"),
    "short and attached": ("app list -ojson -nteam", "-ojson -nteam app list"),
    "a value that looks like an option": ("app list -n --quiet", "-n --quiet app list"),
    "the last one wins": ("app list -o json -o csv", "-o json -o csv app list"),
    "options of a command stay": ("app sync shop --prune --timeout 5 -f x", "app sync shop --prune --timeout 5 -f x"),
    "parameters of a notebook stay": ("run sync -p namespace=team", "run sync -p namespace=team"),
    "a longer option of a command stays": ("app list --output-dir x", "app list --output-dir x"),
    "another short option stays": ("app manifests -f x.yaml", "app manifests -f x.yaml"),
    "what stands behind -- stays": ("app get -o json -- -o --quiet", "-o json app get -- -o --quiet"),
    "only --": ("--", "--"),
}


@pytest.mark.parametrize(("given", "expected"), HOISTED.values(), ids=HOISTED)
def test_hoisting(given: str, expected: str) -> None:
    words = given.split()
    assert hoist_global_options(words) == (expected.split(" ") if expected else [])
    assert words == given.split(), "the input is left as it is"


@pytest.mark.parametrize("given", ["app get -o", "app get -n -- x", "--kubeconfig", "app list --context"])
def test_a_value_that_is_missing(given: str) -> None:
    option = next(word for word in reversed(given.partition(" -- ")[0].split()) if word.startswith("-"))
    with pytest.raises(UsageError, match=rf"^{option} needs a value$"):
        hoist_global_options(given.split())


def test_hoisting_twice_changes_nothing() -> None:
    once = hoist_global_options(["app", "-n=team", "diff", "-ojson", "shop", "--context=a", "--quiet", "--", "-n", "x"])
    assert hoist_global_options(once) == once


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  project: default
  destination: {server: https://kubernetes.default.svc, namespace: web}
  source: {repoURL: https://git.example.com/apps.git, path: shop}
"""
OTHER = APPLICATION.replace("name: shop", "name: other, namespace: team")
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "apps.yaml"


def test_an_application_of_a_file(file: Path) -> None:
    file.write_text(APPLICATION)
    application = read_application(file)
    assert (application.name, application.metadata.namespace) == ("shop", "argocd")


def test_the_namespace_of_the_options_fills_in(file: Path) -> None:
    file.write_text(APPLICATION)
    assert read_application(file, namespace="team").metadata.namespace == "team"
    file.write_text(OTHER)
    assert read_application(file, namespace="argocd").metadata.namespace == "team"


def test_one_of_several_by_its_name(file: Path) -> None:
    file.write_text(f"{SERVICE}---\n{APPLICATION}---\n{OTHER}")
    assert read_application(file, name="other").name == "other"
    assert read_application(file, name="shop").name == "shop"


def test_one_of_a_list(file: Path) -> None:
    items = "".join(
        f"- {line}" if line.startswith("apiV") else f"  {line}" for line in APPLICATION.splitlines(keepends=True)
    )
    file.write_text(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert read_application(file).name == "shop"


REFUSED = {
    "several": (f"{APPLICATION}---\n{OTHER}", None, "expected exactly one Application; it holds shop, other"),
    "another name": (f"{APPLICATION}---\n{OTHER}", "shpo", "expected one Application named shpo; it holds shop, other"),
    "none": (SERVICE, None, "expected exactly one Application; it holds none"),
    "empty": ("", None, "expected exactly one Application; it holds none"),
    "two of one name": (
        f"{APPLICATION}---\n{APPLICATION}",
        "shop",
        "expected one Application named shop; it holds shop, shop",
    ),
}


@pytest.mark.parametrize(("text", "name", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_does_not_say_which(file: Path, text: str, name: str | None, expected: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_application(file, name=name)
    assert str(caught.value) == f"{file}: {expected}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.yaml: No such file or directory; give the path of a file"):
        read_application(tmp_path / "absent.yaml")


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r": Is a directory; give the path of a file"):
        read_application(tmp_path)


INVALID = {
    "a list": ("- a\n", "not a Kubernetes object; expected an Application"),
    "text": ("hello\n", "not a Kubernetes object; expected an Application"),
    "not YAML": ("a: [\n", "apps.yaml:"),
    "a violation": (
        APPLICATION.replace("path: shop", "pth: shop"),
        "Application shop: spec.source: path or chart is required; spec.source.pth: unknown field",
    ),
    "metadata of another shape": (
        APPLICATION.replace("{name: shop}", "[shop]"),
        "Application: metadata: must be an object",
    ),
}


@pytest.mark.parametrize(("text", "expected"), INVALID.values(), ids=INVALID)
def test_a_file_that_does_not_validate(file: Path, text: str, expected: str) -> None:
    file.write_text(text)
    with pytest.raises((SpecError, UsageError)) as caught:
        read_application(file)
    assert str(caught.value).startswith(str(file))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
