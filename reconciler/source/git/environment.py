"""How Git is started: settings by environment, so that no input is ever written into a configuration file."""

import os
from collections.abc import Mapping
from pathlib import Path

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
    # Housekeeping in the background would outlive the run.
    "gc.autoDetach": "false",
    "maintenance.autoDetach": "false",
    # A server that trickles bytes is one that does not answer.
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "init.defaultBranch": "main",
}


def git_environment(mirror: Path, url: RepositoryURL, *, user_settings: bool) -> dict[str, str]:
    """Variables for every Git command on ``mirror``.

    Parameters
    ----------
    user_settings
        Keep the user's own Git settings, above all credential helpers; else neither user nor system settings count.
    """
    settings = dict(_SETTINGS)
    settings["remote.origin.url"] = url.fetch_address
    settings["protocol.allow"] = "never"
    settings[f"protocol.{url.scheme}.allow"] = "always"
    if url.scheme == "https" and url.user:
        settings[f"credential.https://{url.host}{f':{url.port}' if url.port else ''}.username"] = url.user
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
        "GIT_ASKPASS": os.environ.get("GIT_ASKPASS", "") if user_settings else "",
        "SSH_ASKPASS": "",
    }
    if "GIT_SSH_COMMAND" not in os.environ or not user_settings:
        # Batch mode refuses an unknown host key instead of asking.
        environment["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=20"
    if not user_settings:
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return environment | _counted(settings, after=_own_settings() if user_settings else 0)


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
