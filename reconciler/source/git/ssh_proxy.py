"""Connects SSH through a proxy: reads where to from a file of ours and hands the open connection to ssh.

It is ssh's ``ProxyCommand`` with ``ProxyUseFdpass=yes``: the connection itself goes back over standard output, so that no
bytes pass through here and no relay lives on. PySocks speaks SOCKS5; ``nc`` does not everywhere, and takes passwords in its
arguments. HTTP CONNECT is spoken here, because PySocks reads ahead and would swallow the server's greeting. Run by its path,
with nothing of the input on the command line.
"""

import base64
import json
import socket
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 16_384


def main() -> int:
    """Connect as the file named by the only argument says; 1 and a line on standard error when that fails."""
    wanted = json.loads(Path(sys.argv[1]).read_text())
    try:
        connection = _by_http(wanted) if wanted["scheme"] == "http" else _by_socks(wanted)
    except OSError:
        print("Failed to connect through the proxy", file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    connection.settimeout(None)
    with socket.socket(fileno=sys.stdout.fileno()) as ssh:
        socket.send_fds(ssh, [b"\0"], [connection.fileno()])
        ssh.detach()
    return 0


def _by_socks(wanted: dict[str, Any]) -> socket.socket:
    import socks  # type: ignore[import-untyped]

    connection: socket.socket = socks.create_connection(
        (wanted["host"], wanted["port"]),
        timeout=TIMEOUT_S,
        proxy_type=socks.SOCKS5,
        proxy_addr=wanted["proxy_host"],
        proxy_port=wanted["proxy_port"],
        proxy_rdns=True,
        proxy_username=wanted["username"] or None,
        proxy_password=wanted["password"] or None,
    )
    return connection


def _by_http(wanted: dict[str, Any]) -> socket.socket:
    host = f"[{wanted['host']}]" if ":" in wanted["host"] else wanted["host"]
    target = f"{host}:{wanted['port']}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if wanted["username"]:
        login = base64.b64encode(f"{wanted['username']}:{wanted['password']}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    connection = socket.create_connection((wanted["proxy_host"], wanted["proxy_port"]), TIMEOUT_S)
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    answer = b""
    # Byte by byte: what follows the answer is for ssh.
    while not answer.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(answer) > MAX_ANSWER_BYTES:
            raise OSError("no answer")
        answer += byte
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
        raise OSError("refused")
    return connection


if __name__ == "__main__":
    sys.exit(main())
