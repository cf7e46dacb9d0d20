import base64
import copy
import json
import pickle
from dataclasses import asdict, fields
from typing import Any

import orjson
import pytest
import yaml

from reconciler.errors import RepositoryError, SpecError
from reconciler.source.credentials import CredentialStore, RepositoryCredentials, SecretText

URL = "https://git.example.com/org/shop"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
TLS_KEY = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"


def secret(kind: str = "repository", *, name: str = "repo", **data: str) -> dict[str, Any]:
    """A Secret of Argo CD, its keys in base64."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": kind}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def template(url: str, **data: str) -> dict[str, Any]:
    return secret("repo-creds", name=f"creds-{len(url)}", url=url, **data)


def revealed(found: RepositoryCredentials | None) -> str:
    assert found is not None
    return found.password.reveal()


class TestSecretText:
    def test_it_is_shown_to_nobody(self) -> None:
        text = SecretText("canary")
        assert repr(text) == "SecretText(…)"
        assert repr(SecretText()) == "SecretText()"
        assert "canary" not in repr({"a": [text]})
        for show in (str, "{}".format, lambda value: f"{value:>9}", "%s".__mod__, print):
            with pytest.raises(TypeError, match="a secret cannot be") as caught:
                show(text)
            assert "canary" not in str(caught.value)

    @pytest.mark.parametrize("write", [pickle.dumps, json.dumps, orjson.dumps, yaml.dump, yaml.safe_dump, vars])
    def test_it_is_written_nowhere(self, write: Any) -> None:
        with pytest.raises((TypeError, yaml.YAMLError)) as caught:
            write(SecretText("canary"))
        assert "canary" not in str(caught.value)

    def test_a_record_that_holds_one_is_not_written_either(self) -> None:
        record = RepositoryCredentials(URL, password=SecretText("canary"), tls_client_cert="canary")
        assert "canary" not in repr(record)
        for write in (pickle.dumps, orjson.dumps, lambda value: json.dumps(asdict(value))):
            with pytest.raises(TypeError):
                write(record)
        assert copy.deepcopy(record) == record

    def test_it_is_a_value(self) -> None:
        assert SecretText("a") == SecretText("a")
        assert SecretText("a") != SecretText("b")
        assert SecretText("a") != "a"
        assert len({SecretText("a"), SecretText("a"), SecretText("ä")}) == 2
        assert [bool(SecretText("a")), bool(SecretText())] == [True, False]


def test_every_key_is_read() -> None:
    given = {
        "url": URL,
        "type": "git",
        "name": "shop",
        "project": "",
        "username": "ada",
        "password": "pass\n",
        "bearerToken": "token",
        "sshPrivateKey": KEY.strip(),
        "tlsClientCertData": CERTIFICATE,
        "tlsClientCertKey": TLS_KEY,
        "insecure": "true",
        "enableLfs": "1",
        "enableOCI": "T",
        "forceHttpBasicAuth": "True",
        "insecureOCIForceHttp": "t",
        "proxy": "socks5://user:pass@proxy.example.com:1080",
        "noProxy": "localhost,.example.org",
        "githubAppID": "1",
        "githubAppInstallationID": "2",
        "githubAppEnterpriseBaseUrl": "https://ghe.example.com/api/v3",
        "githubAppPrivateKey": TLS_KEY,
        "gcpServiceAccountKey": "{}",
        "azureServicePrincipalClientSecret": "azure",
        "useAzureWorkloadIdentity": "true",
        "depth": "3",
        "webhookManifestCacheWarmDisabled": "true",
    }
    name = given.pop("name")
    store = CredentialStore([secret(**given) | {"stringData": {"name": name}}])
    found = store.find(URL)
    assert store.problems == ()
    assert found is not None
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    assert {name: value.reveal() if isinstance(value, SecretText) else value for name, value in values.items()} == {
        "url": URL,
        "type": "git",
        "name": "shop",
        "project": "",
        "username": "ada",
        "password": "pass",
        "bearer_token": "token",
        "ssh_private_key": KEY,
        "tls_client_cert": CERTIFICATE,
        "tls_client_key": TLS_KEY,
        "insecure": True,
        "enable_lfs": True,
        "enable_oci": True,
        "force_http_basic_auth": True,
        "insecure_oci_force_http": True,
        "proxy": "socks5://user:pass@proxy.example.com:1080",
        "no_proxy": "localhost,.example.org",
        "github_app_id": 1,
        "github_app_installation_id": 2,
        "github_app_enterprise_base_url": "https://ghe.example.com/api/v3",
        "github_app_private_key": TLS_KEY,
        "gcp_service_account_key": "{}",
        "azure_service_principal_client_secret": "azure",
        "use_azure_workload_identity": True,
        "depth": 3,
    }


def test_string_data_wins_and_other_secrets_are_passed_over() -> None:
    own = secret(url=URL, password="old") | {"stringData": {"password": "new"}}
    others = [secret("cluster", url=URL), secret("repository-write", url=URL), {"metadata": {"name": "x"}}, {}]
    store = CredentialStore([*others, own])
    assert revealed(store.find(URL)) == "new"
    assert repr(store) == "CredentialStore(1 repositories, 0 templates)"


@pytest.mark.parametrize(
    ("known", "asked", "same"),
    [
        (URL, f"{URL}.git", True),
        (URL, f"{URL}/", True),
        (URL, "https://git.example.com:443/org/shop", True),
        (URL, "https://GIT.example.com/Org/Shop", True),
        (URL, "https://git.example.com:8443/org/shop", False),
        (URL, "http://git.example.com/org/shop", False),
        (URL, "https://git.example.com/org/shop2", False),
        (URL, "https://git.example.com.evil.org/org/shop", False),
        (URL, "https://git.example.com/org", False),
        (URL, "https://evil.org/git.example.com/org/shop", False),
        (URL, "https://git.example.com@evil.org/org/shop", False),
        (URL, "https://git.example.com\n.evil.org/org/shop", False),
        ("git@host:org/shop.git", "ssh://git@host/org/shop", True),
        ("ssh://git@host:22/org/shop", "git@host:org/shop", True),
        ("git@host:org/shop.git", "deploy@host:org/shop", False),
        ("ssh://git@host:2222/org/shop", "git@host:org/shop", False),
        ("registry.example.com:5000/charts", "registry.example.com:5000/charts", True),
        ("registry.example.com/charts", "registry.example.org/charts", False),
        ("oci://registry.example.com/charts", "oci://registry.example.com/charts", True),
    ],
)
def test_a_repository_secret_serves_its_own_url(known: str, asked: str, same: bool) -> None:
    assert (CredentialStore([secret(url=known, password="p")]).find(asked) is not None) == same


@pytest.mark.parametrize(
    ("prefix", "asked", "fits"),
    [
        ("https://host/org", "https://host/org/shop", True),
        ("https://host/org/", "https://host/org/shop", True),
        ("https://host/org", "https://host/org", True),
        ("https://host/org", "https://host/organisation/shop", False),
        ("https://host/or", "https://host/org/shop", False),
        ("https://host", "https://host/org/shop", True),
        ("https://host", "https://host.evil.org/org/shop", False),
        ("https://host", "https://host:8443/org/shop", False),
        ("https://host:8443", "https://host:8443/org/shop", True),
        ("https://host", "ssh://git@host/org/shop", False),
        ("https://host", "https://ada@host/org/shop", True),
        ("git@host", "git@host:org/shop", True),
        ("ssh://git@host", "git@host:org/shop", True),
        ("ssh://git@host/org", "git@host:other/shop", False),
    ],
)
def test_a_template_serves_what_lies_below_it(prefix: str, asked: str, fits: bool) -> None:
    found = CredentialStore([template(prefix, password="p")]).find(asked)
    assert (found is not None) == fits
    assert found is None or found.url == asked


def test_the_longest_template_counts() -> None:
    store = CredentialStore(
        [template("https://host", password="a"), template("https://host/org", password="b"), template("https://host/o")]
    )
    assert [revealed(store.find(f"https://host/{path}")) for path in ("x", "org/x")] == ["a", "b"]


def test_a_projects_own_secret_comes_before_that_of_all() -> None:
    store = CredentialStore(
        [
            secret(name="a", url=URL, password="all"),
            secret(name="b", url=URL, password="shop", project="shop"),
            secret(name="c", url="https://host/x", password="shop", project="shop"),
        ]
    )
    assert [revealed(store.find(URL, project)) for project in ("", "shop", "other")] == ["all", "shop", "all"]
    assert store.find("https://host/x") is None
    assert store.find("https://host/x", "other") is None


def test_what_is_inherited() -> None:
    prefix = template(
        "https://git.example.com",
        username="ada",
        password="p",
        forceHttpBasicAuth="true",
        proxy="http://proxy:3128",
        enableOCI="true",
        insecure="true",
        enableLfs="true",
        depth="3",
        project="shop",
    )
    settings = secret(url=URL, enableLfs="true", name="repo", proxy="http://other:1", forceHttpBasicAuth="false")
    found = CredentialStore([prefix, settings]).find(URL)
    assert found == RepositoryCredentials(
        URL,
        username=SecretText("ada"),
        password=SecretText("p"),
        force_http_basic_auth=True,
        enable_oci=True,
        enable_lfs=True,
        proxy=SecretText("http://other:1"),
    )


def test_a_repository_with_credentials_of_its_own_inherits_nothing() -> None:
    prefix = template("https://git.example.com", password="p", proxy="http://proxy:3128")
    found = CredentialStore([prefix, secret(url=URL, bearerToken="t")]).find(URL)
    assert found == RepositoryCredentials(URL, bearer_token=SecretText("t"))


def test_all_that_is_wrong_comes_at_once_and_stops_only_those_who_need_it() -> None:
    wrong = secret(
        url=URL,
        type="svn",
        username="canary\nx",
        sshPrivateKey="canary",
        insecure="canary",
        depth="-1",
        proxy="http://canary;id",
        noProxy="$(canary)",
        githubAppPrivateKey=TLS_KEY,
        githubAppEnterpriseBaseUrl="http://canary",
        tlsClientCertData=CERTIFICATE,
    )
    wrong["data"]["password"] = "canary!"
    store = CredentialStore([wrong, secret(name="good", url="https://host/x", password="p")])
    assert revealed(store.find("https://host/x")) == "p"
    with pytest.raises(SpecError) as caught:
        store.find(URL)
    assert str(caught.value) == (
        "Secret argocd/repo: data.password: is not base64 of UTF-8 text; depth: is not a whole number of 0 or more; "
        "githubAppEnterpriseBaseUrl: is not an https URL; githubAppID: is missing beside githubAppPrivateKey; "
        "insecure: is neither true nor false; noProxy: is not a list of hosts with commas between; "
        "proxy: is not http, https, socks5 or socks5h://host:port; "
        "sshPrivateKey: does not begin with a PEM header of a private key; "
        "tlsClientCertData: and tlsClientCertKey belong together; one is missing; type: is none of git, helm, oci; "
        "username: holds a line break or a NUL"
    )
    assert [str(problem) for problem in store.problems] == [str(caught.value)]


def test_a_secret_without_a_url_is_a_problem_of_nobody() -> None:
    store = CredentialStore([secret(password="canary")])
    assert [str(problem) for problem in store.problems] == ["Secret argocd/repo: url: is missing or is not a URL"]
    assert store.find(URL) is None
    assert store.find("") is None


def test_a_template_that_does_not_validate_stops_those_below_it() -> None:
    store = CredentialStore([template("https://host/org", depth="x"), secret(name="own", url=URL, password="p")])
    assert revealed(store.find(URL)) == "p"
    with pytest.raises(SpecError, match="depth: is not a whole number"):
        store.find("https://host/org/shop")


PROXIES = [
    "http://host;id",
    "http://ho st:1",
    "socks5://$(id):1080",
    "socks5://-oProxyCommand=id:1",
    "socks5://host:1080'",
    "socks5://host:99999",
    "socks5://host:1/path",
    "socks5://host:1?x",
    "socks5://us%0aer@host:1",
    "socks5://`id`",
    "ftp://host",
    "host:1080",
    "socks5://",
    "http://[::1",
]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_by_strict_grammar(proxy: str) -> None:
    (problem,) = CredentialStore([secret(url=URL, proxy=proxy)]).problems
    assert str(problem) == "Secret argocd/repo: proxy: is not http, https, socks5 or socks5h://host:port"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gcpServiceAccountKey", "canary"),
        ("useAzureWorkloadIdentity", "true"),
        ("azureServicePrincipalClientSecret", "canary"),
    ],
)
def test_logins_that_are_not_supported_are_named(key: str, value: str) -> None:
    found = CredentialStore([secret(url="https://canary@git.example.com/x", **{key: value})]).find(
        "https://canary@git.example.com/x"
    )
    assert found is not None
    with pytest.raises(RepositoryError) as caught:
        found.require_supported()
    assert str(caught.value) == (
        f"the credentials of https://git.example.com/x log in by {key}, which is not supported; "
        "set username and password, bearerToken, sshPrivateKey or githubAppPrivateKey"
    )
    RepositoryCredentials(URL).require_supported()


def test_certificates_and_host_keys() -> None:
    store = CredentialStore(tls_certificates={"Git.example.com": CERTIFICATE}, known_hosts="host ssh-ed25519 AAAA\n")
    assert store.certificate_authority("git.EXAMPLE.com") == CERTIFICATE
    assert store.certificate_authority("example.com") == ""
    assert store.known_hosts == "host ssh-ed25519 AAAA\n"
