"""Fixtures of the tests of plugins."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.model import parse_application
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import Tree
from reconciler.source.observations import Observations, ObservedVariables
from reconciler.source.plugin.definition import Plugins
from reconciler.source.plugin.loading import load_plugins
from reconciler.source.rendering import RenderRequest
from tests.repositories import GitRepository

VARIABLES = {"ARGOCD_APP_NAME": "shop", "ARGOCD_APP_SOURCE_PATH": "app", "KUBE_VERSION": "1.37.2"}
Load = Callable[..., Plugins]
Ask = Callable[..., RenderRequest]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Plugins from files by name, each with its ``spec``, or as a whole document."""

    def load(**plugins: Mapping[str, Any]) -> Plugins:
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        for name, given in plugins.items():
            document = dict(given) if "spec" in given else {"metadata": {"name": name}, "spec": given}
            document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ConfigManagementPlugin"} | document
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
        return load_plugins(folder)

    return load


@pytest.fixture
def ask(git_repository: Callable[[Mapping[str, str]], GitRepository], repositories: RepositoryCache) -> Ask:
    """A request to render a folder with plugins; ``plugin`` is ``spec.source.plugin``."""

    def ask(
        plugins: Plugins | None,
        files: Mapping[str, str] | GitRepository | None = None,
        *,
        path: str = "app",
        plugin: Mapping[str, Any] | None = None,
    ) -> RenderRequest:
        origin = files if isinstance(files, GitRepository) else git_repository(files or {"app/a.txt": "a"})
        source: dict[str, Any] = {"repoURL": origin.url, "path": path}
        if plugin is not None:
            source["plugin"] = plugin
        spec = {"project": "default", "destination": {"name": "in-cluster"}, "source": source}
        document = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop"},
            "spec": spec,
        }
        parsed = parse_application(document).spec.source
        assert parsed is not None
        repository = repositories.open(origin.url, allow_local=True)
        observations = Observations()
        commit = repository.resolve("")
        looked = observations.tree("")
        return RenderRequest(
            source=parsed,
            tree=Tree(repository, repository.tree_of(commit), name=str(repository), revision=commit, looked=looked),
            path=path,
            where="spec.source",
            application="shop",
            variables=ObservedVariables(VARIABLES, observations),
            observations=observations,
            plugins=plugins,
        )

    return ask
