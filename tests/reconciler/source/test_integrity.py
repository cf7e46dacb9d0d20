"""Which policy of a project applies to a repository, and which keys meet it."""

from typing import Any

import pytest

from reconciler.errors import GenerationError, SpecError
from reconciler.model import parse_project
from reconciler.model.project import AppProjectSpec
from reconciler.source.integrity import Method, Mode, Policy, Signature, SignatureStatus, find_policy, problem_of

KEY = "d56c4fca57a46444"
FINGERPRINT = "0123456789abcdef01234567" + KEY
SSH_LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada@example.com"
SSH_FINGERPRINT = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def policy(*urls: str, mode: str = "head", **methods: Any) -> dict[str, Any]:
    return {"repos": [{"url": url} for url in urls]} | (methods or {"gpg": {"mode": mode, "keys": [KEY]}})


def spec(*policies: dict[str, Any], **more: Any) -> AppProjectSpec:
    return AppProjectSpec.model_validate({"sourceIntegrity": {"git": {"policies": list(policies)}}} | more)


def where(project: AppProjectSpec, url: str) -> str:
    found = find_policy(project, url)
    return "" if found is None else f"{found.where.removeprefix('spec.sourceIntegrity.git.')} {found.mode}"


UPSTREAM = spec(
    policy(
        "https://github.com/group/*",
        "!https://github.com/group/*-legacy.git",
        "!https://github.com/group/*-critical.git",
    ),
    policy("https://github.com/group/*-legacy.git", mode="none"),
    policy("https://github.com/group/*-critical.git", mode="strict"),
    policy("https://github.com/group/duplicated.git"),
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/group/head.git", "policies[0] head"),
        ("https://github.com/group/foo-legacy.git", ""),
        ("https://github.com/group/bar-critical.git", "policies[2] strict"),
        ("https://gitlab.com/foo/bar.git", ""),
        ("https://github.com/group/deep/head", "policies[0] head"),
    ],
)
def test_policies_match_as_upstream(url: str, expected: str) -> None:
    """The cases of TestPolicyMatching in util/sourceintegrity/source_integrity_test.go."""
    assert where(UPSTREAM, url) == expected


def test_several_matching_policies_are_an_error() -> None:
    with pytest.raises(GenerationError) as caught:
        find_policy(UPSTREAM, "https://github.com/group/duplicated.git")
    assert str(caught.value) == (
        "multiple (2) git source integrity policies found for repo URL: 'https://github.com/group/duplicated.git'; "
        "exclude it from all but one of spec.sourceIntegrity.git.policies 0, 3 by a pattern that begins with !"
    )


def test_the_order_of_patterns_does_not_matter() -> None:
    project = spec(policy("!https://host/a", "*"))
    assert where(project, "https://host/b") == "policies[0] head"
    assert where(project, "https://host/a") == ""
    assert where(spec(policy("!https://host/a")), "https://host/b") == ""


def test_nothing_is_asked_by_default() -> None:
    assert find_policy(AppProjectSpec(), "https://host/a") is None
    assert find_policy(spec(), "https://host/a") is None


def test_signature_keys_mean_mode_head_for_every_repository() -> None:
    project = AppProjectSpec.model_validate({"signatureKeys": [{"keyID": KEY.upper()}, {"keyID": FINGERPRINT}]})
    assert find_policy(project, "https://any/where") == Policy("spec.signatureKeys", Mode.HEAD, (KEY, FINGERPRINT))


def test_source_integrity_goes_before_signature_keys() -> None:
    project = spec(policy("https://host/a", mode="strict"), signatureKeys=[{"keyID": KEY}])
    assert where(project, "https://host/a") == "policies[0] strict"
    assert where(project, "https://host/b") == ""


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (policy("*", mode="foobar"), "policies[0].gpg.mode: unknown mode 'foobar'; write none, head or strict"),
        (policy("*", mode="HEAD"), "unknown mode 'HEAD'"),
        (policy("*", ssh={"mode": "", "keys": []}), "policies[0].ssh.mode: unknown mode ''"),
        ({"repos": [{"url": "*"}]}, "policies[0]: names no verification; set gpg or ssh"),
        (policy("[a"), "policies[0].repos[0].url: '[a' has a [ that does not close"),
        (policy("*", "!{a"), "policies[0].repos[1].url: '{a' has a { that does not close"),
        (
            policy("*", gpg={"mode": "head", "keys": [KEY]}, ssh={"mode": "strict", "keys": []}),
            "policies[0]: gpg.mode is head and ssh.mode is strict; give both one mode",
        ),
    ],
)
def test_a_mistake_does_not_switch_verification_off(broken: dict[str, Any], message: str) -> None:
    with pytest.raises(GenerationError) as caught:
        find_policy(spec(broken), "https://host/a")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ({"gpg": {"mode": "none", "keys": []}}, None),
        ({"gpg": {"mode": "none", "keys": []}, "ssh": {"mode": "none", "keys": []}}, None),
        (
            {"gpg": {"mode": "none", "keys": []}, "ssh": {"mode": "head", "keys": [SSH_LINE]}},
            (None, (SSH_FINGERPRINT,)),
        ),
        ({"gpg": {"mode": "head", "keys": [KEY]}, "ssh": {"mode": "none", "keys": [SSH_LINE]}}, ((KEY,), None)),
        (
            {"gpg": {"mode": "head", "keys": [KEY]}, "ssh": {"mode": "head", "keys": [SSH_FINGERPRINT]}},
            ((KEY,), (SSH_FINGERPRINT,)),
        ),
    ],
)
def test_the_kinds_of_signatures_that_count(methods: dict[str, Any], expected: tuple[Any, Any] | None) -> None:
    found = find_policy(spec(policy("*", **methods)), "https://host/a")
    assert (None if found is None else (found.gpg_keys, found.ssh_keys)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!",
        f"ssh-rsa {SSH_LINE.split()[1]}",
        f"ada@example.com {SSH_LINE}",
        f'valid-before="20200101" {SSH_LINE}',
        "SHA256:short",
        "MD5:00:11",
        "*",
    ],
)
def test_a_line_that_is_no_ssh_key_allows_nothing(line: str) -> None:
    found = find_policy(spec(policy("*", ssh={"mode": "head", "keys": [line]})), "https://host/a")
    assert found is not None
    assert found.ssh_keys == ()
    assert found.unreadable_keys == (line,)
    anyone = Signature("c", "i", SignatureStatus.GOOD, Method.SSH, SSH_FINGERPRINT, (SSH_FINGERPRINT,))
    assert "unallowed" in problem_of(found, anyone)


def test_a_good_signature_of_the_other_kind_does_not_count() -> None:
    found = find_policy(spec(policy("*")), "https://host/a")
    assert found is not None
    ours = Signature("c", "i", SignatureStatus.GOOD, Method.GPG, KEY, (FINGERPRINT,))
    assert problem_of(found, ours) == ""
    other = Signature("c", "i", SignatureStatus.GOOD, Method.SSH, KEY, (FINGERPRINT,))
    assert problem_of(found, other) == f"Failed verifying revision c by 'i': signed with unallowed key (key_id={KEY})"


@pytest.mark.parametrize("status", [status for status in SignatureStatus if status is not SignatureStatus.GOOD])
def test_only_a_good_signature_counts(status: SignatureStatus) -> None:
    found = find_policy(spec(policy("*")), "https://host/a")
    assert found is not None
    signature = Signature("c", "i", status, Method.GPG, KEY, (FINGERPRINT,))
    assert problem_of(found, signature) == f"Failed verifying revision c by 'i': {status} (key_id={KEY})"


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("https://github.com/group/*", "https://GitHub.com/group/repo"),
        ("https://github.com/group/*", "https://github.com/Group/repo"),
        ("https://github.com/group/*", "HTTPS://github.com/group/repo"),
        ("https://github.com/group/*", "https://someone@github.com/group/repo"),
        ("https://github.com/group/*", "https://github.com:443/group/repo"),
        ("https://github.com/group/*", "https://github.com//group//repo"),
        ("https://github.com/group/*", "https://github.com/%67roup/repo"),
        ("https://github.com/group/repo", "https://github.com/group/repo.git"),
        ("https://github.com/group/repo.git", "https://github.com/group/repo"),
        ("https://github.com/group/repo", "https://github.com/group/repo/"),
        ("https://github.com/Group/repo", "https://github.com/group/repo"),
        ("git@github.com:group/*", "ssh://git@github.com/group/repo"),
        ("ssh://git@github.com/group/*", "git@github.com:group/repo.git"),
        ("ssh://git@github.com/group/*", "ssh://git@github.com:22/group/repo.git"),
        ("git@github.com:group/*", "git@github.com:/group/repo"),
        ("/srv/*", "file:///srv/repo"),
        ("file:///srv/*", "/srv/repo"),
    ],
)
def test_another_spelling_does_not_lead_out_of_a_policy(pattern: str, url: str) -> None:
    assert where(spec(policy(pattern)), url) == "policies[0] head"


def test_another_spelling_does_not_lead_into_an_exception() -> None:
    """On a server that tells Legacy from legacy, the exception is for one of them."""
    project = spec(policy("*", "!https://host/legacy"))
    assert where(project, "https://host/Legacy") == "policies[0] head"
    assert where(project, "https://HOST/legacy.git") == ""


def test_a_project_with_ssh_policies_is_read_from_a_document() -> None:
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "signed"},
        "spec": {"sourceIntegrity": {"git": {"policies": [policy("*", ssh={"mode": "strict", "keys": [SSH_LINE]})]}}},
    }
    assert where(parse_project(document).spec, "https://host/a") == "policies[0] strict"
    document["spec"]["sourceIntegrity"]["git"]["policies"][0]["shh"] = {}  # type: ignore[index]
    with pytest.raises(SpecError, match="shh"):
        parse_project(document)
