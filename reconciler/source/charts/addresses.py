"""Web addresses, parsed by ourselves, and which network addresses may be connected to."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from reconciler.errors import RepositoryError
from reconciler.source.files.paths import has_control_characters, shown

MAX_LENGTH = 8192
DEFAULT_PORTS = {"https": 443, "http": 80}

_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?P<path>[/?][^#]*)?(?:#.*)?", re.I
)
_SAFE = "%/:=&?~+!$,;'@()*[]-._"

# Services of clouds that give out a machine's credentials and lie outside the link-local range.
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Origin = tuple[str, str, int]
"""Scheme, host in lower case and port: what credentials belong to."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A vetted ``http`` or ``https`` address; ``str()`` leaves out the query, which may hold a signature."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, percent-encoded."""

    @property
    def origin(self) -> Origin:
        return (self.scheme, self.host, self.port)

    @property
    def url(self) -> str:
        """The whole address, for the request alone."""
        return self._base + self.target

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def _base(self) -> str:
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    def join(self, reference: str) -> "WebAddress":
        """The address that ``reference`` (absolute or relative) means in a document at this one."""
        return parse_address(urljoin(self.url, reference))

    def __str__(self) -> str:
        return self._base + self.path


def parse_address(text: str, *, field: str = "repoURL") -> WebAddress:
    """Vet an address; ``field`` begins the message.

    Raises
    ------
    RepositoryError
        For another scheme, a user name or password in the address, control characters or a host that cannot be.
    """
    if len(text) > MAX_LENGTH or has_control_characters(text) or "\\" in text:
        raise RepositoryError(f"{field}: {_masked(text)} holds control characters or a backslash, or is too long")
    if re.match(r"[a-z]+://[^/?#]*@", text, re.I):
        raise RepositoryError(
            f"{field}: {_masked(text)} holds a user name; remove it and keep it in a repository Secret"
        )
    match = _URL.fullmatch(text)
    port = int((match and match["port"]) or 0)
    if match is None or port > 65535 or (match["port"] and port == 0):
        raise RepositoryError(f"{field}: {_masked(text)} is not a web address; use https://host/path")
    scheme = match["scheme"].lower()
    target = match["path"] or "/"
    target = target if target.startswith("/") else f"/{target}"
    return WebAddress(scheme, match["host"].lower(), port or DEFAULT_PORTS[scheme], quote(target, safe=_SAFE))


def refusal(address: str, *, allow_inner: bool) -> str:
    """Why nothing may be fetched from an IP address: a few words, empty when it may, and for a name.

    Refused are link-local, multicast, unspecified and reserved addresses and the metadata services of clouds; without
    ``allow_inner`` all that are not public, such as loopback and private ones.
    """
    try:
        ip = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if embedded is None and ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            ip = embedded
    if ip in _METADATA or ip.is_link_local:
        return "a link-local or metadata address"
    if ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback):
        return "not the address of a server"
    if not allow_inner and not ip.is_global:
        return "an inner address, which is not allowed here"
    return ""


def _masked(text: str) -> str:
    return shown(re.sub(r"//[^/?#]*@", "//", text).partition("?")[0])
