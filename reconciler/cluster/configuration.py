"""Argo CD's own ConfigMaps and Secrets, as far as they can be read."""

import logging
from collections.abc import Callable
from typing import Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import get_object, list_objects
from reconciler.errors import ForbiddenError
from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.source.configuration import CONFIG_MAPS, REPOSITORY_SECRETS
from reconciler.threads import Lane

log = logging.getLogger(__name__)

_CONFIG_MAP: Final = ApiResource(
    GroupVersionKind("", "v1", "ConfigMap"), "configmaps", True, frozenset({"get", "list"})
)
_SECRET: Final = ApiResource(GroupVersionKind("", "v1", "Secret"), "secrets", True, frozenset({"get", "list"}))


def read_configuration(connection: Connection, *, namespace: str) -> tuple[Manifest, ...]:
    """The ConfigMaps and Secrets of Argo CD's namespace that sources need; see `reconciler.source.configuration`.

    What may not be read is left out with a warning: a user without access to Argo CD's Secrets has Git credentials of
    their own.

    Raises
    ------
    ClusterError
        For any other failure.
    """

    def config_map(name: str) -> list[Manifest]:
        found = get_object(connection, _CONFIG_MAP, namespace=namespace, name=name)
        return [found] if found is not None else []

    def secrets() -> list[Manifest]:
        return list(list_objects(connection, _SECRET, namespace=namespace, labels=REPOSITORY_SECRETS).objects)

    questions: list[tuple[str, Callable[[], list[Manifest]]]] = [
        *((f"ConfigMap {name}", lambda name=name: config_map(name)) for name in CONFIG_MAPS),
        ("the repositories' Secrets", secrets),
    ]

    def answer(question: tuple[str, Callable[[], list[Manifest]]]) -> list[Manifest]:
        what, ask = question
        try:
            return ask()
        except ForbiddenError:
            log.warning("%s in namespace %s may not be read; going on without", what, namespace)
            return []

    with Lane(len(questions)) as pool:
        return tuple(entry for found in pool.map(answer, questions) for entry in found)
