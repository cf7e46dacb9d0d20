"""How one Git command logs in: credentials become settings, and files in a private folder that lives as long as the command.

Nothing secret is in an argument or a URL. A user name and a password are given by a credential helper of ours that answers
for one scheme, host and port only; tokens that must be sent unasked are bound to it by ``http.<url>.extraHeader``.
"""

import base64
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from reconciler.errors import RepositoryError
from reconciler.source.credentials import CredentialStore, RepositoryCredentials, SecretText
from reconciler.source.git.github_app import installation_token
from reconciler.source.git.proxies import Proxy, proxy_for
from reconciler.source.git.urls import RepositoryURL

TOKEN_USER = "x-access-token"  # noqa: S105 - GitHub's word for «the password is a token»
_PREFIX = "gitops-nb-access-"
_HELPER = """\
[ "$1" = get ] || exit 0
protocol= host=
while IFS= read -r line && [ -n "$line" ]; do
  case $line in
    protocol=*) protocol=${line#*=} ;;
    host=*) host=${line#*=} ;;
  esac
done
while IFS= read -r server; do
  if [ "$protocol://$host" = "$server" ]; then exec cat "${0%/*}/answer"; fi
done <"${0%/*}/servers"
"""


@dataclass(frozen=True, slots=True)
class Access:
    """Settings and variables for one command; ``user_settings``: whether the user's own count beside them."""

    user_settings: bool
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@contextmanager
def granted(
    url: RepositoryURL,
    credentials: RepositoryCredentials | None,
    store: CredentialStore | None,
    *,
    user_settings: bool,
) -> Iterator[Access]:
    """The access to a repository, as long as the block runs.

    Parameters
    ----------
    credentials
        What the store has for the repository; without, the user's own helpers and agents serve.
    user_settings
        Whether those may be used at all.

    Raises
    ------
    RepositoryError
        For credentials that cannot serve such an address.
    """
    if url.is_local or store is None:
        yield Access(user_settings)
        return
    settings = credentials or RepositoryCredentials(str(url))
    settings.require_supported()
    own = user_settings and not settings.has_credentials
    with private_folder() as folder:
        if url.scheme == "https":
            found = _https(url, settings, store, folder)
            # The user's own variable would count before the setting.
            authority = {"GIT_SSL_CAINFO": path} if (path := found.get("http.sslCAInfo")) else {}
            yield Access(own, found, _proxy_variables(settings) | authority)
        elif own and not settings.proxy and not settings.insecure:
            yield Access(own)
        else:
            yield Access(own, {}, _ssh(url, settings, store, folder, agent=own))


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder only we can enter, removed at the end; what a killed run left is removed before."""
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        try:
            if folder.lstat().st_uid == os.getuid() and pid.isdigit() and not _is_alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _https(url: RepositoryURL, given: RepositoryCredentials, store: CredentialStore, folder: Path) -> dict[str, str]:
    settings = {}
    authority = store.certificate_authority(url.host.strip("[]"))
    if given.insecure:
        settings["http.sslVerify"] = "false"
    elif authority:
        settings["http.sslCAInfo"] = str(_write(folder / "authority.pem", authority))
    if given.tls_client_cert:
        settings["http.sslCert"] = str(_write(folder / "client.pem", given.tls_client_cert))
        settings["http.sslKey"] = str(_write(folder / "client.key", given.tls_client_key.reveal()))
    if given.proxy:
        settings["http.proxy"] = given.proxy.reveal()
    user, password = _login(url, given, authority)
    if given.force_http_basic_auth and password:
        token = base64.b64encode(f"{user.reveal()}:{password.reveal()}".encode()).decode()
        settings[f"http.{url.origin}/.extraHeader"] = f"Authorization: Basic {token}"
    elif given.bearer_token:
        settings[f"http.{url.origin}/.extraHeader"] = f"Authorization: Bearer {given.bearer_token.reveal()}"
    if password:
        settings |= _helper(url, user, password, folder)
    return settings


def _login(url: RepositoryURL, given: RepositoryCredentials, authority: str) -> tuple[SecretText, SecretText]:
    """User name and password, in the order of ``GetGitCreds``."""
    user = given.username or SecretText(url.user or TOKEN_USER)
    if given.password or given.bearer_token:
        return user, given.password
    if given.github_app_private_key:
        return SecretText(TOKEN_USER), installation_token(given, url, certificate_authority=authority)
    return SecretText(), SecretText()


def _helper(url: RepositoryURL, user: SecretText, password: SecretText, folder: Path) -> dict[str, str]:
    _write(folder / "answer", f"username={user.reveal()}\npassword={password.reveal()}\n")
    hosts = {url.host, url.host.lower()}
    ports = {f":{url.port}"} if url.port else {"", ":443"}
    _write(folder / "servers", "".join(f"https://{host}{port}\n" for host in sorted(hosts) for port in sorted(ports)))
    script = _write(folder / "helper", _HELPER)
    return {
        f"credential.{url.origin}.helper": f"!sh {shlex.quote(str(script))}",
        # The name in the URL is not the one that goes with this password.
        f"credential.{url.origin}.username": user.reveal(),
    }


def _proxy_variables(given: RepositoryCredentials) -> dict[str, str]:
    return {"no_proxy": given.no_proxy, "NO_PROXY": given.no_proxy} if given.proxy else {}


def _ssh(
    url: RepositoryURL, given: RepositoryCredentials, store: CredentialStore, folder: Path, *, agent: bool
) -> dict[str, str]:
    """A configuration file for ssh, in place of the user's; its values are constants and paths of ours."""
    lines = ["Host *", "BatchMode yes", "ConnectTimeout 20", "UpdateHostKeys no", "ControlPath none", "LogLevel ERROR"]
    if given.ssh_private_key:
        key = _write(folder / "key", given.ssh_private_key.reveal())
        lines += [f"IdentityFile {_quoted(key)}", "IdentitiesOnly yes", "IdentityAgent none"]
    elif not agent:
        lines += ["IdentityFile none", "IdentityAgent none"]
    if given.insecure:
        lines += ["StrictHostKeyChecking no", f"UserKnownHostsFile {os.devnull}", f"GlobalKnownHostsFile {os.devnull}"]
    else:
        lines.append("StrictHostKeyChecking yes")
        if store.known_hosts or not agent:
            known = _write(folder / "known_hosts", store.known_hosts)
            lines += [f"UserKnownHostsFile {_quoted(known)}", f"GlobalKnownHostsFile {os.devnull}"]
    proxy = proxy_for(given, url.host.strip("[]"), url.port or 22)
    if proxy is not None:
        lines += [f"ProxyCommand {_proxy_command(proxy, url, folder)}", "ProxyUseFdpass yes"]
    configuration = _write(folder / "ssh_config", "\n".join(lines) + "\n")
    return {"GIT_SSH_COMMAND": f"ssh -F {shlex.quote(str(configuration))}", "GIT_SSH_VARIANT": "ssh"}


def _proxy_command(proxy: Proxy, url: RepositoryURL, folder: Path) -> str:
    if proxy.scheme == "https":
        raise RepositoryError(
            f"{url}: an https proxy cannot carry SSH; set proxy to socks5://host:port or http://host:port"
        )
    target = _write(folder / "proxy.json", proxy.target(url.host.strip("[]"), url.port or 22))
    command = [sys.executable, "-I", str(Path(__file__).with_name("ssh_proxy.py")), str(target)]
    return " ".join(shlex.quote(part).replace("%", "%%") for part in command)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'
