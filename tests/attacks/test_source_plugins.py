"""Row 17 of the catalogue: a plugin that gets our secrets, sets PATH or LD_PRELOAD, forks away or floods stdout
(CVE-2021-41254, GHSA-35rf-v2jv-gfg7); row 11: a plugin version with ``..`` (GHSA-v53g-5gjp-272r)."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, SpecError
from reconciler.processes import process
from reconciler.source.plugin.run import PluginRun
from tests.reconciler.source.conftest import repositories
from tests.reconciler.source.plugin.conftest import Ask, Load, ask, load

__all__ = ["ask", "load", "repositories"]

linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")


@pytest.fixture
def run(load: Load, ask: Ask) -> Callable[..., bytes]:
    """The output of a shell script as a plugin's command."""

    def run(script: str, *, timeout_s: float = 30.0, **plugin: Any) -> bytes:
        plugins = load(p={"generate": {"command": ["sh", "-c", script]}})
        request = ask(plugins, plugin={"name": "p", **plugin})
        only = next(iter(plugins))
        with PluginRun(request, only, timeout_s=timeout_s) as started:
            return started.output(only.generate, "generate")

    return run


def test_a_dumped_environment_holds_nothing_of_ours(run: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CANARY", "KUBECONFIG", "GIT_ASKPASS", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret-7f3a")
    env = [
        {"name": name, "value": "evil-$CANARY$HOME"}
        for name in ("PATH", "LD_PRELOAD", "HOME", "IFS", "BASH_ENV", "A-B")
    ]
    # What the supervisor's own process was given is readable, too.
    text = run("env -0; cat /proc/$PPID/environ", env=env).decode()
    assert "7f3a" not in text
    assert str(Path.home()) not in text
    names = {line.partition("=")[0] for line in text.split("\0")}
    assert not names & {"LD_PRELOAD", "IFS", "BASH_ENV", "CANARY", "SSH_AUTH_SOCK"}
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in text.split("\0")
    assert "ARGOCD_ENV_LD_PRELOAD=evil-" in text.split("\0")


@linux
def test_a_child_that_forks_away_is_ended(run: Callable[..., bytes], tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    # Out of the group, the session and the family; with stdout still open.
    away = f"setsid sh -c 'setsid sh -c \"echo \\$\\$ > {mark}; exec sleep 300\" & exit 0' &"
    script = f"{away} while ! test -s {mark}; do :; done; echo done"
    begun = time.monotonic()
    assert run(script) == b"done\n"
    assert time.monotonic() - begun < 20, "an open stdout does not keep the run waiting"
    assert _is_gone(int(mark.read_text()))


@linux
def test_a_hang_is_ended_with_all_that_it_started(run: Callable[..., bytes], tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; echo $$ > {mark}; while :; do sleep 300; done' & sleep 300"
    with pytest.raises(GenerationError, match="plugin p: generate of app took more than 1 s and was ended"):
        run(script, timeout_s=1.0)
    if mark.exists() and (text := mark.read_text().strip()):
        assert _is_gone(int(text))


def test_a_flood_of_output_is_ended(run: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_BYTES", 2**20)
    with pytest.raises(GenerationError, match="wrote more than 1 MiB and was ended"):
        run("yes")


def test_a_flood_of_errors_is_cut(run: Callable[..., bytes]) -> None:
    with pytest.raises(GenerationError, match=r"ended with status 4: ….*last words$") as caught:
        run("yes | head -c 3000000 >&2; echo last words >&2; exit 4")
    assert len(str(caught.value)) < 700


@linux
def test_memory_is_limited(run: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MEMORY_BYTES", 2**28)
    with pytest.raises(GenerationError, match=r"ended with status 1: .*MemoryError"):
        run("exec python3 -c 'x = bytearray(2**30)'")


def test_killing_its_group_does_not_reach_the_supervisor(run: Callable[..., bytes]) -> None:
    with pytest.raises(GenerationError, match=r"ended with status 137$"):
        run("sleep 300 & kill -9 0")


def test_a_program_of_the_repository_is_not_run(load: Load, ask: Ask, tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    files = dict.fromkeys(("app/tool", "app/sh", "app/true"), f"#!/bin/sh\ntouch {sentinel}\n")
    plugins = load(p={"generate": {"command": ["tool"]}})
    request = ask(plugins, files, plugin={"name": "p"})
    with PluginRun(request, next(iter(plugins))) as started, pytest.raises(GenerationError, match="cannot be started"):
        started.output(("tool",), "generate")
    with pytest.raises(SpecError, match="would be a program of the repository"):
        load(q={"generate": {"command": ["./tool"]}})
    assert not sentinel.exists()


@pytest.mark.parametrize("version", ["../x", "1/../..", "..", "a..b", "v1/x", "-x", "x\n"])
def test_a_version_that_is_a_path(version: str, load: Load) -> None:
    with pytest.raises(SpecError, match=r"p\.yaml: spec\.version: .* may hold letters"):
        load(p={"version": version, "generate": {"command": ["true"]}})


@pytest.mark.parametrize("name", ["../p", "p/../../etc", "p-../1", "/etc/p"])
def test_a_name_that_is_a_path(name: str, load: Load, ask: Ask) -> None:
    from reconciler.source.plugin.render import render_plugin

    plugins = load(p={"version": "1", "generate": {"command": ["true"]}})
    with pytest.raises(GenerationError, match=r"plugin\.name: there is no plugin"):
        render_plugin(ask(plugins, plugin={"name": name}))


def test_a_repository_brings_no_plugins(load: Load, ask: Ask) -> None:
    from reconciler.source.plugin.discovery import discover

    files = {
        "app/plugin.yaml": (
            "kind: ConfigManagementPlugin\nmetadata: {name: evil}\n"
            "spec: {generate: {command: [id]}, discover: {fileName: '*'}}\n"
        )
    }
    assert discover(ask(load(), files)) is None


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Ended, and not yet buried by whoever adopted it.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
