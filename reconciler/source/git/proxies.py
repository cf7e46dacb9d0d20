"""The proxy of a repository, and the hosts that are reached without it."""

import ipaddress
import json
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from reconciler.source.credentials import RepositoryCredentials, SecretText

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; its parts were checked when the Secret was read."""

    scheme: str
    host: str
    port: int
    username: SecretText
    password: SecretText

    def target(self, host: str, port: int) -> str:
        """What `ssh_proxy` reads, as JSON; holds the password."""
        return json.dumps(
            {
                "scheme": self.scheme,
                "proxy_host": self.host,
                "proxy_port": self.port,
                "username": self.username.reveal(),
                "password": self.password.reveal(),
                "host": host,
                "port": port,
            }
        )


def proxy_for(credentials: RepositoryCredentials, host: str, port: int) -> Proxy | None:
    """The proxy that leads to a host; None when there is none or ``noProxy`` names the host."""
    if not credentials.proxy or is_excepted(host, port, credentials.no_proxy):
        return None
    parts = urlsplit(credentials.proxy.reveal())
    return Proxy(
        parts.scheme,
        parts.hostname or "",
        parts.port or _PORTS[parts.scheme],
        SecretText(unquote(parts.username or "")),
        SecretText(unquote(parts.password or "")),
    )


def is_excepted(host: str, port: int, no_proxy: str) -> bool:
    """Whether a ``noProxy`` list names a host: ``*``, a domain with those below it, an address, a network, with a port or not.

    Source: golang.org/x/net/http/httpproxy, which Argo CD uses.
    """
    host = host.lower()
    return any(_names(entry.strip().lower(), host, port) for entry in no_proxy.split(",") if entry.strip())


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and name.count(":") in (0, name.count(":") * name.startswith("[")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*")
    if entry.startswith("."):
        return host.endswith(entry)
    return host == entry or host.endswith(f".{entry}")
