"""Which proxy a request goes through: the repository Secret's, else the environment's.

Source: util/proxy of Argo CD, which is Go's golang.org/x/net/http/httpproxy.
"""

import ipaddress

from reconciler.errors import RepositoryError
from reconciler.source.charts.addresses import WebAddress
from reconciler.source.credentials import RepositoryCredentials


def proxy_for(address: WebAddress, credentials: RepositoryCredentials | None) -> str:
    """The proxy's URL; empty for a direct connection.

    Raises
    ------
    RepositoryError
        For a proxy of another kind than ``http://`` and ``https://``.
    """
    proxy = credentials.proxy.reveal() if credentials else ""
    no_proxy = credentials.no_proxy if credentials else ""
    if not proxy:
        from urllib.request import getproxies_environment  # 20 ms that a run without charts never needs

        environment = getproxies_environment()
        proxy, no_proxy = environment.get(address.scheme, ""), no_proxy or environment.get("no", "")
        # Go takes a proxy without a scheme for an HTTP one.
        proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
    if not proxy or is_direct(address.host.strip("[]"), address.port, no_proxy):
        return ""
    if not proxy.startswith(("http://", "https://")):
        raise RepositoryError(
            f"the proxy for {address.host} is neither http:// nor https://; other kinds are not supported"
        )
    return proxy


def is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Whether ``no_proxy`` takes a host out: names with their sub-domains, ``.suffix``, addresses, networks, ``*``.

    Loopback is never reached through a proxy.
    """
    ip = _address(host)
    if host == "localhost" or (ip is not None and ip.is_loopback):
        return True
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        if entry == "*":
            return True
        name, colon, wanted = entry.rpartition(":")
        if colon and wanted.isdigit() and (":" not in name or name.endswith("]")):
            if int(wanted) != port:
                continue
            entry = name
        if entry and _fits(host, ip, entry.strip("[]")):
            return True
    return False


def _fits(host: str, ip: ipaddress.IPv4Address | ipaddress.IPv6Address | None, entry: str) -> bool:
    if ip is not None:
        try:
            return ip in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    entry = entry.removeprefix("*")
    return host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith(f".{entry}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
