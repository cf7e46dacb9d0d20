"""All simulated controllers together."""

from reconciler.sandbox.api import Api
from reconciler.sandbox.controllers.client import Client, OwnerIndex
from reconciler.sandbox.controllers.daemon_sets import DaemonSetController
from reconciler.sandbox.controllers.deployments import DeploymentController
from reconciler.sandbox.controllers.garbage import GarbageCollector
from reconciler.sandbox.controllers.jobs import JobController
from reconciler.sandbox.controllers.loop import ControllerLoop, Scheduler
from reconciler.sandbox.controllers.namespaces import DefinitionController, NamespaceController
from reconciler.sandbox.controllers.pods import PodController
from reconciler.sandbox.controllers.replica_sets import ReplicaSetController
from reconciler.sandbox.controllers.services import (
    ClaimController,
    IngressController,
    ServiceController,
    VolumeController,
)
from reconciler.sandbox.controllers.stateful_sets import StatefulSetController


def start_controllers(api: Api, scheduler: Scheduler, *, latency_s: float, certificate: str = "") -> ControllerLoop:
    """Let every controller follow the store from now on.

    Parameters
    ----------
    latency_s:
        Seconds that a controller takes for one step.
    certificate:
        The cluster's authority in PEM.
    """
    cluster = api.cluster
    client = Client(cluster, api.writer, OwnerIndex(cluster))
    loop = ControllerLoop(cluster.store, scheduler, latency_s=latency_s)
    for controller in (
        NamespaceController(client, latency_s=latency_s, certificate=certificate),
        DefinitionController(client, latency_s=latency_s),
        DeploymentController(client),
        ReplicaSetController(client),
        StatefulSetController(client),
        DaemonSetController(client),
        JobController(client, latency_s=latency_s),
        PodController(client, loop),
        ServiceController(client),
        IngressController(client),
        ClaimController(client),
        VolumeController(client),
        GarbageCollector(client),
    ):
        loop.add(controller)
    return loop
