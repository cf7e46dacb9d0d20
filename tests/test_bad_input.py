"""Bad input gets one clear line, its exit status, and changes nothing in the cluster."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitops_nb.cli import root
from reconciler.cli.main import run as run_command_line
from reconciler.manifest import dump_document
from reconciler.sandbox import Sandbox
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.repositories import GitRepository

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n"
REFUSED_PORT = 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        with closing(Client(sandbox.kubeconfig)) as client:
            install_argo(client)
            client.create("/api/v1/namespaces", {"metadata": {"name": "shop"}}).expect(201)
        yield sandbox


@pytest.fixture
def files() -> dict[str, str]:
    """A good repository; each test spoils it."""
    return {"shop/settings.yaml": CONFIG_MAP}


@dataclass(frozen=True)
class Done:
    """What a command line left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(
    cluster: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run a command line in this process, on the cluster, with a store and caches of the test's own."""
    monkeypatch.setenv("GITOPS_NB_STORE", f"sqlite:///{tmp_path}/history.db")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, kubeconfig: Path | None = None) -> Done:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig or cluster.kubeconfig))
        with pytest.raises(SystemExit) as ended:
            run_command_line(root, [str(argument) for argument in arguments])
        output = capfd.readouterr()
        return Done(int(ended.value.code or 0), output.out, output.err)

    return call


def application(url: str, **changes: Any) -> dict[str, Any]:
    source = {"repoURL": url, "path": "shop", **changes.pop("source", {})}
    spec: dict[str, Any] = {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": source,
        **changes,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": spec,
    }


def write(folder: Path, document: Mapping[str, Any]) -> Path:
    path = folder / "app.yaml"
    path.write_text(dump_document(document))
    return path


def state(cluster: Sandbox) -> dict[str, str]:
    """Every object of the kinds that the tests could touch, with its version."""
    paths = [
        "/api/v1/namespaces",
        "/api/v1/configmaps",
        "/apis/apps/v1/deployments",
        "/apis/argoproj.io/v1alpha1/applications",
    ]
    with closing(Client(cluster.kubeconfig)) as client:
        items = [item for path in paths for item in client.get(path).expect()["items"]]
    # The namespace controller makes this one in its own time.
    ours = [item["metadata"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt"]
    return {metadata["uid"]: metadata["resourceVersion"] for metadata in ours}


def assert_refused(done: Done, status: int, *texts: str) -> None:
    """One line on stderr that says all of the texts, nothing on stdout, and the exit status."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for text in texts:
        assert text in line


@pytest.mark.parametrize(
    ("spoil", "source", "texts"),
    [
        pytest.param({}, {"targetRevision": "v9"}, ["v9", "main"], id="unknown-revision"),
        pytest.param({}, {"path": "shpo"}, ["shpo"], id="path-not-there"),
        pytest.param(
            {"shop/broken.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n bad: [\n"},
            {},
            ["shop/broken.yaml:5"],
            id="yaml-does-not-parse",
        ),
        pytest.param(
            {"shop/again.yaml": CONFIG_MAP},
            {},
            ["ConfigMap", "settings", "again.yaml", "settings.yaml"],
            id="two-objects-one-key",
        ),
        pytest.param(
            {"shop/odd.yaml": "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: odd}\n"},
            {},
            ["example.com/v1 Widget", "does not know the kind"],
            id="unknown-kind",
        ),
        pytest.param({"shop/list.yaml": "- 1\n- 2\n"}, {}, ["shop/list.yaml"], id="not-an-object"),
        pytest.param({"shop/Chart.yaml": "name: shop\n"}, {}, ["shop"], id="broken-chart"),
        pytest.param(
            {"shop/kustomization.yaml": "resources: [missing.yaml]\n"},
            {},
            ["missing.yaml"],
            id="kustomization-misses-file",
        ),
    ],
)
def test_repository_that_cannot_be_rendered(
    spoil: dict[str, str],
    source: dict[str, str],
    texts: list[str],
    files: dict[str, str],
    git_repository: Callable[..., GitRepository],
    run: Callable[..., Done],
    cluster: Sandbox,
    tmp_path: Path,
) -> None:
    repository = git_repository({**files, **spoil})
    before = state(cluster)
    done = run("app", "sync", "-f", write(tmp_path, application(repository.url, source=source)))
    assert_refused(done, 2, *texts)
    assert state(cluster) == before


def test_not_a_repository(run: Callable[..., Done], tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    done = run("app", "sync", "-f", write(tmp_path, application(folder.as_uri())))
    assert_refused(done, 2, "plain", "not a")


def test_repository_that_does_not_answer(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("app", "manifests", "-f", write(tmp_path, application(f"https://127.0.0.1:{REFUSED_PORT}/shop.git")))
    assert_refused(done, 4, "127.0.0.1")


def test_namespace_that_is_not_there(
    files: dict[str, str],
    git_repository: Callable[..., GitRepository],
    run: Callable[..., Done],
    cluster: Sandbox,
    tmp_path: Path,
) -> None:
    document = application(git_repository(files).url)
    document["spec"]["destination"]["namespace"] = "elsewhere"
    before = state(cluster)
    done = run("app", "sync", "-f", write(tmp_path, document))
    assert_refused(done, 2, "elsewhere", "CreateNamespace=true")
    assert state(cluster) == before


def test_object_that_the_api_server_refuses_stops_everything_before_it(
    files: dict[str, str],
    git_repository: Callable[..., GitRepository],
    run: Callable[..., Done],
    cluster: Sandbox,
    tmp_path: Path,
) -> None:
    spoiled = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Wrong_Name}\n"
    before = state(cluster)
    done = run("app", "sync", "-f", write(tmp_path, application(git_repository({**files, "shop/z.yaml": spoiled}).url)))
    assert done.returncode == 1
    assert "Wrong_Name" in done.stdout
    assert "dry run" in done.stdout
    assert state(cluster) == before


def test_cluster_that_cannot_be_reached(
    files: dict[str, str],
    git_repository: Callable[..., GitRepository],
    run: Callable[..., Done],
    cluster: Sandbox,
    tmp_path: Path,
) -> None:
    text = cluster.kubeconfig.read_text().replace(cluster.url, f"https://127.0.0.1:{REFUSED_PORT}")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(text)
    done = run("app", "sync", "-f", write(tmp_path, application(git_repository(files).url)), kubeconfig=kubeconfig)
    assert_refused(done, 4, f"https://127.0.0.1:{REFUSED_PORT}", "cannot be reached")


def test_kubeconfig_and_context_that_are_not_there(run: Callable[..., Done], tmp_path: Path) -> None:
    assert_refused(run("app", "list", kubeconfig=tmp_path / "none"), 2, "gitops-nb sandbox start")
    assert_refused(run("app", "list", "--context", "nowhere"), 2, "nowhere")


def test_application_with_every_violation_at_once(run: Callable[..., Done], cluster: Sandbox, tmp_path: Path) -> None:
    document = application("https://example.com/x.git", source={"chart": "c", "helm": {"releaseName": 3}}, projct="x")
    document["spec"]["destination"]["name"] = "in-cluster"
    before = state(cluster)
    done = run("app", "sync", "-f", write(tmp_path, document))
    assert_refused(
        done,
        2,
        "app.yaml: Application shop",
        "spec.destination: server and name are exclusive",
        "spec.projct: unknown field",
        "spec.source: chart and path are exclusive",
        "spec.source.helm.releaseName: must be a string",
    )
    assert state(cluster) == before


def test_application_that_is_not_there_names_those_that_are(run: Callable[..., Done], tmp_path: Path) -> None:
    assert_refused(run("app", "sync", "ghost"), 2, "no Application ghost in namespace argocd")
    assert_refused(run("app", "sync"), 2, "name an Application")
    assert_refused(run("app", "sync", "-f", tmp_path / "none.yaml"), 2, "none.yaml")


def test_destination_that_is_another_cluster(
    files: dict[str, str],
    git_repository: Callable[..., GitRepository],
    run: Callable[..., Done],
    tmp_path: Path,
) -> None:
    document = application(git_repository(files).url)
    document["spec"]["destination"]["server"] = "https://other.example.com"
    assert_refused(
        run("app", "diff", "-f", write(tmp_path, document)), 2, "spec.destination.server", "https://other.example.com"
    )


@pytest.mark.parametrize(
    ("parameters", "texts"),
    [
        pytest.param(["prnue=true"], ["unknown parameter prnue", "prune"], id="unknown-parameter"),
        pytest.param(
            ["prune=maybe", "timeout_s=soon"],
            ["prune: 'maybe' is no bool", "timeout_s: 'soon' is no float"],
            id="ill-typed",
        ),
        pytest.param(["prune"], ["expected NAME=VALUE"], id="no-value"),
    ],
)
def test_notebook_parameters_are_refused_before_anything_runs(
    parameters: list[str], texts: list[str], run: Callable[..., Done], tmp_path: Path
) -> None:
    arguments = [argument for parameter in parameters for argument in ("-p", parameter)]
    assert_refused(run("run", "sync", *arguments, "--to", tmp_path / "out.ipynb"), 2, *texts)
    assert not (tmp_path / "out.ipynb").exists()


def test_notebook_of_an_unknown_application_fails_with_the_error_of_the_engine(
    run: Callable[..., Done], tmp_path: Path
) -> None:
    done = run("run", "sync", "-p", "application=ghost", "--to", tmp_path / "out.ipynb")
    assert done.returncode == 2
    assert "no Application ghost in namespace argocd" in done.stdout + done.stderr
    assert (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    "arguments", [["nope"], ["app", "nope"], ["app", "sync", "--nope"], ["-o", "xml", "app", "list"], ["run"]]
)
def test_bad_use_is_one_line(arguments: list[str], run: Callable[..., Done]) -> None:
    assert_refused(run(*arguments), 2, "--help")


def test_a_form_that_does_not_fit(
    files: dict[str, str], git_repository: Callable[..., GitRepository], run: Callable[..., Done], tmp_path: Path
) -> None:
    done = run("app", "manifests", "-f", write(tmp_path, application(git_repository(files).url)), "-o", "csv")
    assert_refused(done, 2, "-o csv does not fit manifests")
