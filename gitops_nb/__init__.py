"""Argo CD's job in a notebook: ``import gitops_nb as gnb; cd = gnb.connect()``.

Importing contacts no cluster and loads neither pandas nor ipywidgets.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_nb.session import Session

__all__ = ["connect"]


def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    namespace: str = "argocd",
    store: str | None = None,
    sandbox: bool = False,
) -> "Session":
    """Connect to a cluster; what is compared there is kept current by watches until the session is closed.

    Parameters
    ----------
    kubeconfig, context
        As kubectl takes them; by default ``KUBECONFIG``, ``~/.kube/config`` or the pod's service account.
    namespace
        Where the Applications are.
    store
        URL of the history store; by default ``GITOPS_NB_STORE`` or a SQLite file in the user's data directory.
    sandbox
        Use the embedded sandbox cluster and start it if it does not run.

    Raises
    ------
    UsageError
        When the kubeconfig or context cannot be used.
    StoreError
        When the history store cannot be opened.
    """
    from gitops_nb.session import Session
    from reconciler import Reconciler
    from reconciler.cluster import connect as connect_cluster
    from reconciler.history import open_store

    if sandbox:
        from reconciler.sandbox import start_sandbox

        kubeconfig = str(start_sandbox().kubeconfig)
    connection = connect_cluster(kubeconfig=kubeconfig, context=context)
    return Session(Reconciler(connection, store=open_store(store), namespace=namespace, follow=True))
