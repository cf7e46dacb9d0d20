"""Tokens for a GitHub App's installation: the App signs for itself, GitHub gives a token for an hour.

Source: docs.github.com, «Generating an installation access token for a GitHub App»; util/git/creds.go of Argo CD.
"""

import base64
import hashlib
import json
import re
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.source.credentials import RepositoryCredentials, SecretText
from reconciler.source.git.proxies import Proxy, proxy_for
from reconciler.source.git.urls import RepositoryURL

if TYPE_CHECKING:
    from urllib3 import PoolManager

API = "https://api.github.com"
MAX_BYTES = 2**20
MARGIN_S = 300
"""Seconds before its end in which a token is no longer used."""
TIMEOUT_S = 20.0

_SIGNED_FOR_S = 540
_CLOCK_SKEW_S = 60

_tokens: dict[str, tuple[float, SecretText]] = {}
_lock = threading.Lock()


def installation_token(
    credentials: RepositoryCredentials, url: RepositoryURL, *, certificate_authority: str
) -> SecretText:
    """A token with which Git may log in; kept until shortly before it ends.

    Without ``githubAppInstallationID`` the installation is that of the repository's owner.

    Raises
    ------
    RepositoryError
        When GitHub refuses, or the key is none.
    RepositoryUnreachableError
        When GitHub does not answer.
    """
    secret = credentials.github_app_private_key.reveal()
    owner = "" if credentials.github_app_installation_id else url.path.strip("/").partition("/")[0].lower()
    ids = (credentials.github_app_id, credentials.github_app_installation_id, owner)
    text = "|".join((*map(str, ids), credentials.github_app_enterprise_base_url, secret))
    key = hashlib.sha256(text.encode()).hexdigest()
    with _lock:
        ends, token = _tokens.get(key, (0.0, SecretText()))
        if time.time() < ends - MARGIN_S:
            return token
        ends, token = _Api(credentials, url, certificate_authority).token()
        _tokens[key] = (ends, token)
        return token


class _Api:
    """GitHub's API, or that of a GitHub Enterprise Server."""

    def __init__(self, credentials: RepositoryCredentials, url: RepositoryURL, certificate_authority: str) -> None:
        self._credentials = credentials
        self._url = url
        self._base = (credentials.github_app_enterprise_base_url or API).rstrip("/")
        self._authority = certificate_authority

    def token(self) -> tuple[float, SecretText]:
        """When it ends, in seconds since 1970, and the token."""
        installation = self._credentials.github_app_installation_id or self._installation()
        answer = self._request("POST", f"/app/installations/{installation}/access_tokens")
        try:
            ends = datetime.fromisoformat(answer["expires_at"]).timestamp()
            token = answer["token"]
        except (KeyError, TypeError, ValueError) as error:
            raise self._unexpected() from error
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,4096}", token):
            raise self._unexpected()
        return ends, SecretText(token)

    def _installation(self) -> int:
        owner, _, name = self._url.path.strip("/").removesuffix(".git").partition("/")
        number = self._request("GET", f"/repos/{owner}/{name.partition('/')[0]}/installation").get("id")
        if not isinstance(number, int):
            raise self._unexpected()
        return number

    def _request(self, method: str, path: str) -> dict[str, Any]:
        import urllib3  # not needed without a GitHub App

        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {_signed(self._credentials, str(self._url))}",
            "User-Agent": "gitops-nb",
        }
        try:
            with self._pool() as pool:
                response = pool.request(
                    method, f"{self._base}{path}", headers=headers, redirect=False, retries=False, preload_content=False
                )
                status, data = response.status, response.read(MAX_BYTES, decode_content=True)
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise RepositoryUnreachableError(
                f"{self._url}: GitHub's API at {self._base} cannot be reached for a token "
                f"({type(error).__name__}); check githubAppEnterpriseBaseUrl and the network"
            ) from None
        if status in (401, 403, 404, 422):
            raise RepositoryError(
                f"{self._url}: GitHub's API refused the App ({status}); "
                "check githubAppID, githubAppInstallationID and githubAppPrivateKey"
            )
        if status not in (200, 201):
            raise RepositoryUnreachableError(f"{self._url}: GitHub's API at {self._base} answered {status}; try again")
        try:
            answer = json.loads(data)
        except ValueError as error:
            raise self._unexpected() from error
        return answer if isinstance(answer, dict) else {}

    def _pool(self) -> "PoolManager":
        import urllib3
        from urllib3.contrib.socks import SOCKSProxyManager
        from urllib3.util import parse_url

        options: dict[str, Any] = {
            "timeout": urllib3.Timeout(TIMEOUT_S),
            "cert_reqs": "CERT_NONE" if self._credentials.insecure else "CERT_REQUIRED",
        }
        if self._authority:
            options["ca_cert_data"] = self._authority
        base = parse_url(self._base)
        proxy = proxy_for(self._credentials, base.host or "", base.port or 443)
        if proxy is None:
            return urllib3.PoolManager(**options)
        if proxy.scheme.startswith("socks5"):
            return SOCKSProxyManager(
                f"socks5h://{_authority_of(proxy)}",
                username=proxy.username.reveal() or None,
                password=proxy.password.reveal() or None,
                **options,
            )
        user = proxy.username.reveal()
        headers = urllib3.make_headers(proxy_basic_auth=f"{user}:{proxy.password.reveal()}") if user else None
        return urllib3.ProxyManager(f"{proxy.scheme}://{_authority_of(proxy)}", proxy_headers=headers, **options)

    def _unexpected(self) -> RepositoryError:
        return RepositoryError(
            f"{self._url}: {self._base} does not answer as GitHub's API; check githubAppEnterpriseBaseUrl"
        )


def _authority_of(proxy: Proxy) -> str:
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return f"{host}:{proxy.port}"


def _signed(credentials: RepositoryCredentials, where: str) -> str:
    """A JSON web token (RS256) with which the App speaks for itself."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(credentials.github_app_private_key.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise RepositoryError(f"{where}: githubAppPrivateKey is not an RSA private key without a passphrase")
    now = int(time.time())
    claims = {"iat": now - _CLOCK_SKEW_S, "exp": now + _SIGNED_FOR_S, "iss": str(credentials.github_app_id)}
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    signature = key.sign(".".join(parts).encode(), PKCS1v15(), SHA256())
    return ".".join((*parts, _encoded(signature)))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
