import pytest

from reconciler.source.git.proxies import is_excepted


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("git.example.com", "", False),
        ("git.example.com", "*", True),
        ("git.example.com", "git.example.com", True),
        ("git.example.com", "GIT.example.com ,x", True),
        ("git.example.com", "example.com", True),
        ("git.example.com", ".example.com", True),
        ("example.com", ".example.com", False),
        ("git.example.com", "*.example.com", True),
        ("notexample.com", "example.com", False),
        ("git.example.com", "git.example.com:22", True),
        ("git.example.com", "git.example.com:443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("::1", "::1", True),
        ("::1", "[::1]:22", True),
        ("::1", "[::1]:443", False),
        ("fd00::1", "fd00::/8", True),
    ],
)
def test_hosts_that_are_reached_without_a_proxy(host: str, no_proxy: str, expected: bool) -> None:
    assert is_excepted(host, 22, no_proxy) == expected
