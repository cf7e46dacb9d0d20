"""Cluster IPs and node ports: what the API server allocates for Services.

Source: k8s.io/kubernetes/pkg/registry/core/service/storage/alloc.go.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_address
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.status import Cause, invalid_value, required
from reconciler.sandbox.store import GroupResource, Store

SERVICES: Final = GroupResource("", "services")
SERVICE_NETWORK: Final = IPv4Network("10.96.0.0/16")
NODE_PORTS: Final = range(30000, 32768)
# The lower part is left to people who choose addresses and ports themselves, as upstream does.
_FIRST_ADDRESS: Final = 256
_FIRST_PORT: Final = 30086


class Allocations:
    """Finds free addresses and ports; what is taken is read from the Services themselves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_address = _FIRST_ADDRESS
        self._next_port = _FIRST_PORT

    def allocate(self, service: Manifest, live: Manifest | None) -> list[Cause]:
        """Fill a Service's clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy and nodePorts in place.

        Returns what is wrong with addresses and ports that were asked for.
        """
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(key, None)
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
            return []
        before = (live or {}).get("spec") or {}
        causes = self._address(spec, before, service)
        causes += self._ports(spec, before, service)
        return causes

    def _address(self, spec: Manifest, before: Manifest, service: Manifest) -> list[Cause]:
        if not spec.get("clusterIP") and spec.get("clusterIPs") == before.get("clusterIPs"):
            # An update that leaves out the one leaves out the other.
            spec.pop("clusterIPs", None)
        if not spec.get("clusterIP") and spec.get("clusterIPs"):
            return [required("spec.clusterIP", "must be set when `clusterIPs` is")]
        old = before.get("clusterIP")
        if not spec.get("clusterIP"):
            spec["clusterIP"] = old or self._free_address()
        elif spec["clusterIP"] not in ("None", old):
            cause = self._check_address(spec["clusterIP"], service)
            if cause is not None:
                return [cause]
        spec["clusterIPs"] = [spec["clusterIP"]]
        if spec["clusterIP"] != "None" or spec.get("selector"):
            spec.setdefault("ipFamilies", before.get("ipFamilies") or ["IPv4"])
            spec.setdefault("ipFamilyPolicy", before.get("ipFamilyPolicy") or "SingleStack")
        else:
            # Without pods to select, the families are whatever the outside has: both.
            spec.setdefault("ipFamilies", ["IPv4", "IPv6"])
            spec.setdefault("ipFamilyPolicy", "RequireDualStack")
        return []

    def _check_address(self, address: str, service: Manifest) -> Cause | None:
        field = "spec.clusterIPs"
        try:
            inside = ip_address(address) in SERVICE_NETWORK
        except ValueError:
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            return invalid_value(f"{field}[0]", address, why)
        if not inside:
            why = f"failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. "
            return invalid_value(field, [address], f"{why}The range of valid IPs is {SERVICE_NETWORK}")
        if address in self._taken_addresses(service):
            why = f"failed to allocate IP {address}: provided IP is already allocated"
            return invalid_value(field, [address], why)
        return None

    def _ports(self, spec: Manifest, before: Manifest, service: Manifest) -> list[Cause]:
        wanted = spec.get("type") == "NodePort" or (
            spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
        )
        old = {(port.get("name"), port.get("protocol"), port.get("port")): port for port in before.get("ports") or ()}
        taken = self._taken_ports(service)
        causes = []
        for index, port in enumerate(spec.get("ports") or ()):
            known = old.get((port.get("name"), port.get("protocol"), port.get("port")), {}).get("nodePort")
            if port.get("nodePort"):
                cause = _check_port(port["nodePort"], taken, f"spec.ports[{index}].nodePort")
                causes += [cause] if cause else []
            elif wanted:
                port["nodePort"] = known or self._free_port(taken)
            if port.get("nodePort"):
                taken.add(port["nodePort"])
        if wanted and spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            spec["healthCheckNodePort"] = (
                spec.get("healthCheckNodePort") or before.get("healthCheckNodePort") or self._free_port(taken)
            )
        return causes

    def _others(self, service: Manifest) -> Iterator[Manifest]:
        uid = service["metadata"].get("uid")
        for other in self._store.objects(SERVICES):
            if other["metadata"]["uid"] != uid:
                yield other["spec"]

    def _taken_addresses(self, service: Manifest) -> set[str]:
        return {spec.get("clusterIP", "") for spec in self._others(service)}

    def _taken_ports(self, service: Manifest) -> set[int]:
        taken = {port.get("nodePort") for spec in self._others(service) for port in spec.get("ports") or ()}
        taken |= {spec.get("healthCheckNodePort") for spec in self._others(service)}
        return {port for port in taken if port}

    def _free_address(self) -> str:
        taken = self._taken_addresses({"metadata": {}})
        while True:
            self._next_address += 1
            address = str(SERVICE_NETWORK[self._next_address])
            if address not in taken:
                return address

    def _free_port(self, taken: set[int]) -> int:
        while True:
            self._next_port = self._next_port + 1 if self._next_port + 1 in NODE_PORTS else _FIRST_PORT
            if self._next_port not in taken:
                return self._next_port


def drop_type_dependent(spec: Manifest, before: Manifest) -> None:
    """Take from a Service's spec, in place, what its former type needed, its type no longer does, and no one changed.

    Source: k8s.io/kubernetes/pkg/registry/core/service/strategy.go, dropTypeDependentFields.
    """
    kind, old_kind = spec.get("type"), before.get("type")
    external, old_external = (name in ("NodePort", "LoadBalancer") for name in (kind, old_kind))
    dropped: list[str] = []
    if kind == "ExternalName" and old_kind != "ExternalName":
        dropped += ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]
    if old_external and not external:
        dropped += ["externalTrafficPolicy", "healthCheckNodePort"]
        old_ports = [port.get("nodePort") for port in before.get("ports") or ()]
        if [port.get("nodePort") for port in spec.get("ports") or ()] == old_ports:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
    if old_kind == "LoadBalancer" and kind != "LoadBalancer":
        dropped += ["allocateLoadBalancerNodePorts", "loadBalancerClass"]
    for key in dropped:
        if key in spec and spec[key] == before.get(key):
            del spec[key]


def _check_port(port: int, taken: set[int], field: str) -> Cause | None:
    if port not in NODE_PORTS:
        why = f"provided port is not in the valid range. The range of valid ports is {NODE_PORTS[0]}-{NODE_PORTS[-1]}"
        return invalid_value(field, port, why)
    return invalid_value(field, port, "provided port is already allocated") if port in taken else None
