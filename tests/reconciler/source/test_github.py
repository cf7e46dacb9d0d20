"""Pull requests, on a server of loopback that answers as GitHub's REST API documents."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ReconcilerError, RepositoryError, RepositoryUnreachableError, UsageError
from reconciler.source.credentials import CredentialStore, RepositoryCredentials, SecretText
from reconciler.source.git.urls import parse_repository_url
from reconciler.source.github import GitHubRepository, PullRequest, github_repository, open_pull_request
from tests.git_servers import Authority, read_body, respond, serving

SHOP = parse_repository_url("https://github.com/org/shop.git")
LIMITED = {"message": "API rate limit exceeded for user ID 1.", "documentation_url": "https://docs.github.com/rest"}


class GitHub:
    """What was asked, and what is answered to the pull request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.authorizations: set[str] = set()
        self.api = ""
        self.status = 201
        self.answer: Any = None
        self.headers: dict[str, str] = {}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        github = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                github.asked.append(("GET", self.path, None))
                github.authorizations.add(self.headers["Authorization"])
                repository = {"full_name": "org/shop", "default_branch": "trunk", "url": f"{github.api}/repos/org/shop"}
                self._respond(200, repository)

            def do_POST(self) -> None:
                github.asked.append(("POST", self.path, json.loads(read_body(self))))
                pull = {"number": 7, "html_url": "https://github.com/org/shop/pull/7", "state": "open"}
                self._respond(github.status, github.answer if github.answer is not None else pull)

            def _respond(self, status: int, answer: Any) -> None:
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                respond(self, status, data, {"Content-Type": "application/json; charset=utf-8"} | github.headers)

        return Handler


@pytest.fixture
def github() -> Iterator[GitHub]:
    server = GitHub()
    with serving(server.handler(), None) as port:
        server.api = f"http://127.0.0.1:{port}/api/v3"
        yield server


@pytest.fixture
def opened(github: GitHub) -> Callable[..., PullRequest]:
    def opened(base: str = "main") -> PullRequest:
        repository = GitHubRepository("org/shop", github.api, SecretText("canary"))
        return open_pull_request(repository, title="Retarget web", body="Why.", branch="b", base=base)

    return opened


def test_a_pull_request_is_opened(github: GitHub, opened: Callable[..., PullRequest]) -> None:
    assert opened() == PullRequest(7, "https://github.com/org/shop/pull/7")
    assert github.asked[-1] == (
        "POST",
        "/api/v3/repos/org/shop/pulls",
        {"title": "Retarget web", "body": "Why.", "head": "b", "base": "main"},
    )
    assert github.authorizations == {"token canary"}


def test_the_default_branch_is_the_base(github: GitHub, opened: Callable[..., PullRequest]) -> None:
    opened(base="")
    assert github.asked[-1][2]["base"] == "trunk"


@pytest.mark.parametrize(
    ("status", "answer", "headers", "kind", "message"),
    [
        (
            422,
            {"message": "Validation Failed", "errors": [{"message": "A pull request already exists for org:b."}]},
            {},
            RepositoryError,
            "GitHub does not open the pull request: A pull request already exists for org:b.",
        ),
        (
            422,
            {
                "message": "Validation Failed",
                "errors": [{"resource": "PullRequest", "field": "base", "code": "invalid"}],
            },
            {},
            RepositoryError,
            "pull request: base is invalid",
        ),
        (
            401,
            {"message": "Bad credentials"},
            {},
            RepositoryError,
            "GitHub refused the token; it is wrong or has expired",
        ),
        (
            403,
            LIMITED,
            {"X-RateLimit-Remaining": "0"},
            RepositoryUnreachableError,
            "rate limit is reached; try again later",
        ),
        (403, {"message": "x"}, {"X-RateLimit-Remaining": "0"}, RepositoryUnreachableError, "rate limit is reached"),
        (
            403,
            {"message": "You have exceeded a secondary rate limit."},
            {"Retry-After": "60"},
            RepositoryUnreachableError,
            "try again in 60 s",
        ),
        (429, {"message": "slow"}, {}, RepositoryUnreachableError, "rate limit is reached"),
        (
            403,
            {"message": "Resource not accessible by integration"},
            {},
            RepositoryError,
            "needs «Pull requests: write» and «Contents: write» (Resource not accessible by integration)",
        ),
        (
            404,
            {"message": "Not Found"},
            {},
            RepositoryError,
            "there is no such repository, or the token may not see it",
        ),
        (503, {"message": "x"}, {}, RepositoryUnreachableError, "GitHub answered 503; try again"),
        (418, {"message": "a\nb\x1b[31m"}, {}, RepositoryError, r"GitHub answered 418: a\nb\x1b[31m"),
        (201, b"<html>", {}, RepositoryError, "does not answer as GitHub's API"),
        (201, [1], {}, RepositoryError, "does not answer as GitHub's API"),
        (301, {}, {"Location": "https://elsewhere.example.com/x"}, RepositoryError, "does not answer as GitHub's API"),
    ],
)
def test_what_github_refuses(
    github: GitHub,
    opened: Callable[..., PullRequest],
    status: int,
    answer: Any,
    headers: dict[str, str],
    kind: type[ReconcilerError],
    message: str,
) -> None:
    github.status, github.answer, github.headers = status, answer, headers
    with pytest.raises(ReconcilerError) as error:
        opened()
    assert type(error.value) is kind
    assert message in str(error.value)
    assert str(error.value).startswith("org/shop at 127.0.0.1: ")
    assert "canary" not in str(error.value)
    assert len([entry for entry in github.asked if entry[0] == "POST"]) == 1, "it is not tried again on its own"


def test_nobody_answers() -> None:
    repository = GitHubRepository("org/shop", "http://127.0.0.1:9/api/v3", SecretText("canary"))
    with pytest.raises(RepositoryUnreachableError, match="cannot be reached"):
        open_pull_request(repository, title="x", body="", branch="b")


def test_an_enterprise_server_with_its_own_authority(github: GitHub, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with serving(github.handler(), authority.server_context()) as port:
        url = parse_repository_url(f"https://127.0.0.1:{port}/org/shop.git")
        github.api = f"https://127.0.0.1:{port}/api/v3"
        store = CredentialStore(tls_certificates={"127.0.0.1": authority.pem})
        credentials = RepositoryCredentials(str(url), password=SecretText("canary"))
        found = github_repository(url, credentials, store, environment={})
        assert found.api == github.api
        assert open_pull_request(found, title="x", body="", branch="b").number == 7
        with pytest.raises(RepositoryUnreachableError, match="SSLError"):
            open_pull_request(github_repository(url, credentials, environment={}), title="x", body="", branch="b")


@pytest.mark.parametrize(
    ("url", "api", "environment", "expected"),
    [
        ("https://github.com/org/shop.git", "", {"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}, "https://api.github.com"),
        ("git@github.com:org/shop.git", "", {"GH_TOKEN": "a"}, "https://api.github.com"),
        ("ssh://git@GitHub.com/org/shop", "", {"GH_TOKEN": "a"}, "https://api.github.com"),
        ("https://git.corp/org/shop", "https://git.corp/api/v3/", {"GH_TOKEN": "a"}, "https://git.corp/api/v3"),
        ("https://git.corp/org/shop", "", {"GITHUB_TOKEN": "a"}, ""),
        ("ssh://git@git.corp:22/org/shop", "", {"GITHUB_TOKEN": "a"}, ""),
        ("https://github.com.evil.example/org/shop", "", {"GITHUB_TOKEN": "a"}, ""),
        ("https://github.com/org/shop", "", {}, ""),
    ],
)
def test_the_environments_token_is_for_github_and_for_what_the_user_names(
    url: str, api: str, environment: dict[str, str], expected: str
) -> None:
    parsed = parse_repository_url(url)
    if expected:
        found = github_repository(parsed, api=api, environment=environment)
        assert (found.name, found.api, found.token.reveal()) == ("org/shop", expected, "a")
        assert "SecretText" not in str(found)
    else:
        with pytest.raises(UsageError, match="there is no token for"):
            github_repository(parsed, api=api, environment=environment)


@pytest.mark.parametrize("url", ["https://github.com/shop", "https://github.com/a/b/c", "https://github.com/a/b%20c"])
def test_what_is_no_repository_on_github(url: str) -> None:
    with pytest.raises(RepositoryError, match="is no repository on GitHub; leave out --pull-request"):
        github_repository(parse_repository_url(url), environment={"GITHUB_TOKEN": "a"})


def test_a_local_repository_is_not_on_github(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="is no repository on GitHub"):
        github_repository(parse_repository_url(str(tmp_path), allow_local=True), environment={"GITHUB_TOKEN": "a"})


@pytest.mark.parametrize(
    "api", ["http://git.corp/api/v3", "ftp://x", "https://user@git.corp/api", "https://", "https://x/?a=b", "git.corp"]
)
def test_what_is_no_address_of_the_api(api: str) -> None:
    with pytest.raises(UsageError, match=r"--github-api .* expected https://HOST/api/v3"):
        github_repository(SHOP, api=api, environment={"GITHUB_TOKEN": "a"})
