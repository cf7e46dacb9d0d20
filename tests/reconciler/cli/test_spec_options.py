"""The options of ``app set`` and ``app unset``, which a table makes."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.spec_options import SET_OPTIONS, UNSET_OPTIONS, given_options, plain_switches
from reconciler.model.editing import SOURCE_EDITS, SPEC_EDITS, UNSET_EDITS
from tests.reconciler.cli.conftest import Call


def test_every_option_does_something() -> None:
    assert sorted(option.name for option in SET_OPTIONS) == sorted([*SOURCE_EDITS, *SPEC_EDITS])
    assert sorted(option.name for option in UNSET_OPTIONS) == sorted(UNSET_EDITS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("app set shop --self-heal=false", "app set shop --no-self-heal"),
        ("app set shop --auto-prune=true", "app set shop --auto-prune"),
        ("app delete shop --cascade=false -y", "app delete shop --no-cascade -y"),
        ("app set shop --revision=true", "app set shop --revision=true"),
        ("app set -- --self-heal=false", "app set -- --self-heal=false"),
    ],
)
def test_switches_as_argocd_takes_them(words: str, expected: str) -> None:
    assert plain_switches(words.split()) == expected.split()


def test_what_was_given() -> None:
    nothing: dict[str, Any] = dict.fromkeys(option.parameter for option in SET_OPTIONS)
    assert given_options(SET_OPTIONS, nothing) == {}
    values = nothing | {"revision": "", "self_heal": False, "values": [], "helm_set": ["a=b"], "sync_retry_limit": 0}
    given = {"revision": "", "self-heal": False, "helm-set": ["a=b"], "sync-retry-limit": 0}
    assert given_options(SET_OPTIONS, values) == given
    flags = {option.parameter: False if option.type is bool else None for option in UNSET_OPTIONS}
    assert given_options(UNSET_OPTIONS, flags | {"ref": True}) == {"ref": True}


def test_help_shows_whole_names(call: Call) -> None:
    for command, options in (("set", SET_OPTIONS), ("unset", UNSET_OPTIONS)):
        status, out, err = call("app", command, "--help")
        assert (status, err) == (0, "")
        assert [option.name for option in options if f"--{option.name}" not in out] == []
        assert not any(sign in out for sign in "…╭│")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("app set shop", "nothing to set; say what, such as --revision v2 (see gitops-nb app set --help)"),
        ("app unset shop", "nothing to unset; say what, such as -p image.tag (see gitops-nb app unset --help)"),
        (
            "app set shop -f a.yaml --path b",
            "-f a.yaml: set and unset change the Application in the cluster; change a file",
        ),
        (
            "app unset shop -f a.yaml --ref",
            "-f a.yaml: set and unset change the Application in the cluster; change a file",
        ),
        ("app set shop --values-literal-file absent", "--values-literal-file absent: No such file or directory"),
        ("app set --path b", "Missing argument 'APPLICATION'; try: gitops-nb app set --help"),
        ("app set shop --sync-retry-limit x", "Invalid value for '--sync-retry-limit'"),
    ],
)
def test_wrong_use(call: Call, words: str, message: str) -> None:
    status, out, err = call(*words.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {message}")


def test_a_values_file_that_is_no_text(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "values"
    file.write_bytes(b"\xff\xfe")
    assert call("app", "set", "shop", "--values-literal-file", str(file)) == (
        2,
        "",
        f"error: --values-literal-file {file}: not a text\n",
    )
