"""How Git is started: settings by environment, so that no input is ever written into a configuration file."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from reconciler.source.git.urls import RepositoryURL

NO_HOOKS = "/dev/null"

_SETTINGS = {
    "core.hooksPath": NO_HOOKS,
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
    "fetch.writeCommitGraph": "false",
    # A pack of any size goes through index-pack, which writes a file that can be watched.
    "fetch.unpackLimit": "1",
    "transfer.unpackLimit": "1",
    # Housekeeping is the mirror's own, now and then; in the background it would outlive the run.
    "gc.auto": "0",
    "maintenance.auto": "false",
    "core.packedGitWindowSize": "64m",
    "core.packedGitLimit": "1g",
    # A server that trickles bytes is one that does not answer.
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "init.defaultBranch": "main",
}
_NOTHING: Mapping[str, str] = MappingProxyType({})


def git_environment(
    mirror: Path,
    url: RepositoryURL,
    *,
    user_settings: bool,
    settings: Mapping[str, str] = _NOTHING,
    variables: Mapping[str, str] = _NOTHING,
) -> dict[str, str]:
    """Variables for every Git command on ``mirror``.

    Parameters
    ----------
    user_settings
        Keep the user's own Git settings, above all credential helpers; else neither user nor system settings count.
    settings, variables
        More of both, such as those of the repository's credentials.
    """
    merged = dict(_SETTINGS)
    merged["remote.origin.url"] = url.fetch_address
    merged["protocol.allow"] = "never"
    merged[f"protocol.{url.scheme}.allow"] = "always"
    if url.scheme == "https" and url.user:
        merged[f"credential.{url.origin}.username"] = url.user
    environment = {
        "GIT_DIR": str(mirror),
        "GIT_OBJECT_DIRECTORY": str(mirror / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_NAMESPACE": "",
        "GIT_ALLOW_PROTOCOL": url.scheme,
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_ASKPASS": os.environ.get("GIT_ASKPASS", "") if user_settings else "",
        "SSH_ASKPASS": "",
    }
    if "GIT_SSH_COMMAND" not in os.environ or not user_settings:
        # Batch mode refuses an unknown host key instead of asking.
        environment["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=20"
    if not user_settings:
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    after = _own_settings() if user_settings else 0
    return environment | dict(variables) | _counted(merged | dict(settings), after=after)


def whole_environment(variables: Mapping[str, str], *, user_settings: bool) -> dict[str, str]:
    """All of a process's environment: ``variables`` and what it inherits, without user settings nothing of Git's."""
    inherited = {key: value for key, value in os.environ.items() if user_settings or not key.startswith("GIT_")}
    if not user_settings:
        # Where curl would look for .netrc.
        inherited["HOME"] = os.devnull
    return inherited | {"LC_ALL": "C"} | dict(variables)


def _own_settings() -> int:
    """How many settings the user's own GIT_CONFIG_COUNT announces."""
    count = os.environ.get("GIT_CONFIG_COUNT", "0")
    return int(count) if count.isascii() and count.isdigit() else 0


def _counted(settings: Mapping[str, str], *, after: int) -> dict[str, str]:
    environment = {"GIT_CONFIG_COUNT": str(after + len(settings))}
    for index, (key, value) in enumerate(settings.items(), start=after):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    return environment
