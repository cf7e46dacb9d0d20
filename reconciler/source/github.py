"""Pull requests on GitHub and GitHub Enterprise Server.

Source: docs.github.com, «REST API endpoints for pull requests». PyGithub speaks to it; errors are told in words of ours, since
its own carry whole answers.
"""

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reconciler.errors import RepositoryError, RepositoryUnreachableError, UsageError
from reconciler.source.credentials import CredentialStore, RepositoryCredentials, SecretText
from reconciler.source.files.paths import shown
from reconciler.source.git.access import private_folder
from reconciler.source.git.github_app import API, installation_token
from reconciler.source.git.urls import RepositoryURL

if TYPE_CHECKING:
    from github import GithubException
    from github.Repository import Repository

TOKEN_VARIABLES: Final = ("GITHUB_TOKEN", "GH_TOKEN")
TIMEOUT_S: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class GitHubRepository:
    """Where a repository's pull requests are, and with what they are opened; ``authority`` are PEM certificates."""

    name: str
    api: str
    token: SecretText
    authority: str = ""
    insecure: bool = False

    def __str__(self) -> str:
        return f"{self.name} at {urlsplit(self.api).hostname}"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One that is open; ``url`` is its page."""

    number: int
    url: str


def github_repository(
    url: RepositoryURL,
    credentials: RepositoryCredentials | None = None,
    store: CredentialStore | None = None,
    *,
    api: str = "",
    environment: Mapping[str, str] = os.environ,
) -> GitHubRepository:
    """The repository on GitHub, with the token of its credentials: the GitHub App's, or the password of its Secret.

    Without either, ``GITHUB_TOKEN`` or ``GH_TOKEN`` of the environment serves, for github.com and for an ``api`` that the
    user names: no other host is handed a token that was not made for it.

    Parameters
    ----------
    api
        Address of the API; by default github.com's, the one in the credentials, or ``/api/v3`` of the repository's host.

    Raises
    ------
    UsageError
        When there is no token, or the address cannot be.
    RepositoryError
        For a repository that cannot be on GitHub, and where the App is refused.
    """
    owner, _, name = url.path.strip("/").removesuffix(".git").partition("/")
    if url.is_local or not _NAME.fullmatch(owner) or not _NAME.fullmatch(name):
        raise RepositoryError(
            f"{url} is no repository on GitHub; leave out --pull-request and merge the branch by hand"
        )
    given = credentials or RepositoryCredentials(str(url))
    host = url.host.lower()
    default = API if host == "github.com" else f"https://{url.host}{_port(url)}/api/v3"
    address = _vetted(api or given.github_app_enterprise_base_url or default)
    authority = store.certificate_authority(urlsplit(address).hostname or "") if store is not None else ""
    token = given.password
    if given.github_app_private_key and not given.password:
        token = installation_token(given, url, certificate_authority=authority)
    if not token and (api or address == API):
        token = SecretText(next(filter(None, (environment.get(variable, "") for variable in TOKEN_VARIABLES)), ""))
    if not token:
        raise UsageError(
            f"there is no token for {urlsplit(address).hostname}; give the repository's Secret a password or a GitHub App, or "
            f"set {TOKEN_VARIABLES[0]}{'' if address == API else ' and --github-api ' + address}"
        )
    return GitHubRepository(f"{owner}/{name}", address, token, authority, given.insecure)


def open_pull_request(
    repository: GitHubRepository, *, title: str, body: str, branch: str, base: str = ""
) -> PullRequest:
    """Open a pull request from a branch of the same repository; ``base`` is by default the repository's own default branch.

    Raises
    ------
    RepositoryError
        When GitHub refuses: the token, the repository, or the pull request.
    RepositoryUnreachableError
        When it does not answer, or its rate limit is reached.
    """
    with _connected(repository) as remote:
        made = remote.create_pull(base=base or remote.default_branch, head=branch, title=title, body=body)
        if not isinstance(made.number, int) or not isinstance(made.html_url, str):
            raise ValueError
        return PullRequest(made.number, made.html_url)


@contextmanager
def _connected(repository: GitHubRepository) -> "Iterator[Repository]":
    from github import Auth, Github, GithubException  # takes longer to load than most commands run
    from requests import RequestException

    with private_folder() as folder:
        verify: bool | str = not repository.insecure
        if repository.authority and verify:
            file = folder / "authority.pem"
            file.write_text(repository.authority, encoding="utf-8")
            verify = str(file)
        client = Github(
            auth=Auth.Token(repository.token.reveal()),
            base_url=repository.api,
            timeout=TIMEOUT_S,
            user_agent="gitops-nb",
            verify=verify,
            # It would wait for an hour on its own.
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        try:
            yield client.get_repo(repository.name)
        except GithubException as error:
            raise _refused(repository, error) from None
        except RequestException as error:
            raise RepositoryUnreachableError(
                f"{repository}: GitHub's API at {repository.api} cannot be reached ({type(error).__name__}); "
                "check the address and the network"
            ) from None
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            # What the library raises for answers that are none of GitHub's, and for redirections to other hosts.
            raise RepositoryError(
                f"{repository}: {repository.api} does not answer as GitHub's API ({type(error).__name__}); "
                "name the right address with --github-api"
            ) from None
        finally:
            client.close()


def _refused(repository: GitHubRepository, error: "GithubException") -> RepositoryError:
    """What GitHub's status and message mean."""
    said = _message(error)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    limited = headers.get("x-ratelimit-remaining") == "0" or "rate limit" in said.lower()
    if error.status == 429 or (error.status == 403 and limited):
        again = headers.get("retry-after")
        when = f"in {again} s" if again and again.isdigit() else "later"
        return RepositoryUnreachableError(f"{repository}: GitHub's rate limit is reached; try again {when}")
    if error.status >= 500:
        return RepositoryUnreachableError(f"{repository}: GitHub answered {error.status}; try again")
    if error.status == 401:
        return RepositoryError(f"{repository}: GitHub refused the token; it is wrong or has expired")
    if error.status == 403:
        return RepositoryError(
            f"{repository}: the token may not do this; it needs «Pull requests: write» and «Contents: write» ({said})"
        )
    if error.status == 404:
        return RepositoryError(f"{repository}: there is no such repository, or the token may not see it")
    if error.status == 422:
        return RepositoryError(f"{repository}: GitHub does not open the pull request: {said}")
    return RepositoryError(f"{repository}: GitHub answered {error.status}: {said}")


def _message(error: "GithubException") -> str:
    """GitHub's own words, on one line."""
    data: Any = error.data if isinstance(error.data, dict) else {}
    details = data.get("errors")
    texts = [
        text
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, dict)
        and isinstance(text := detail.get("message") or f"{detail.get('field')} is {detail.get('code')}", str)
    ]
    said = "; ".join(texts) or str(data.get("message") or "no reason given")
    return shown(said)[1:-1]


def _vetted(api: str) -> str:
    address = api.rstrip("/")
    parts = urlsplit(address)
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if safe and parts.hostname and not (parts.username or parts.query or parts.fragment):
        return address
    raise UsageError(f"--github-api {shown(api)}: expected https://HOST/api/v3, without a user name")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(url: RepositoryURL) -> str:
    return f":{url.port}" if url.port and url.scheme == "https" else ""
