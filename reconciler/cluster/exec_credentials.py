"""Logging in by a command that a cluster Secret names: only if the operator allows it, with next to no environment.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
"""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reconciler.cluster.cluster_secrets import ExecProvider
from reconciler.cluster.node_info import instant
from reconciler.errors import ClusterError, ForbiddenError, GenerationError
from reconciler.processes.process import run_tool
from reconciler.source.credential_records import SecretText

VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
TIMEOUT_S: Final = 30.0
# Asked for anew a little before it ends, so that no request carries an expired one.
_MARGIN: Final = timedelta(seconds=30)
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


def require_allowed(provider: ExecProvider, allowed: frozenset[str], *, cluster: str) -> Path:
    """The program of a command that is allowed by exactly the text that the Secret has for it.

    A bare name is looked for on our own PATH, anything else must be an absolute path.

    Raises
    ------
    ForbiddenError
        When it is not allowed.
    ClusterError
        When it is not there, or asks for a version of the protocol that nobody speaks.
    """
    command = provider.command
    if command not in allowed:
        raise ForbiddenError(
            f"cluster {cluster}: its Secret logs in by running {command or 'a command without a name'}, which is not allowed; "
            "allow this command by name, or give the Secret a bearerToken or a client certificate"
        )
    if provider.api_version not in VERSIONS:
        raise ClusterError(
            f"cluster {cluster}: execProviderConfig.apiVersion is {provider.api_version or 'empty'}; "
            f"it must be {' or '.join(VERSIONS)}"
        )
    found = shutil.which(command) if os.sep not in command else command if Path(command).is_absolute() else None
    if found is None or not Path(found).is_file():
        raise ClusterError(f"cluster {cluster}: the command {command} is not there. {provider.install_hint}".rstrip())
    return Path(found)


class ExecCredential:
    """The token of a command, kept until it expires. Client certificates of commands are refused."""

    def __init__(self, provider: ExecProvider, program: Path, *, cluster: str) -> None:
        self._provider = provider
        self._program = program
        self._cluster = cluster
        self._token = SecretText()
        self._until: datetime | None = None
        self._lock = threading.Lock()

    def token(self) -> SecretText:
        """The present token.

        Raises
        ------
        ClusterError
            When the command fails or answers nonsense; its output is not repeated, it may hold secrets.
        """
        with self._lock:
            if not self._token or (self._until is not None and datetime.now(UTC) + _MARGIN >= self._until):
                status = self._run()
                token = status.get("token")
                if not isinstance(token, str) or not token or not token.isprintable():
                    raise self._failed("gave no token; client certificates from commands are not supported")
                self._token = SecretText(token)
                self._until = instant(status.get("expirationTimestamp"))
            return self._token

    def _run(self) -> Mapping[str, Any]:
        request = {"apiVersion": self._provider.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {name: value.reveal() for name, value in self._provider.environment.items()}
        environment["KUBERNETES_EXEC_INFO"] = json.dumps(request)
        with tempfile.TemporaryDirectory(prefix="gitops-nb-exec-") as folder:
            try:
                output = run_tool(
                    [self._program, *self._provider.arguments],
                    what=f"the login of cluster {self._cluster}",
                    folder=Path(folder),
                    environment=environment,
                    timeout_s=TIMEOUT_S,
                )
            except GenerationError as error:
                raise ClusterError(str(error)) from error
        if output.status != 0:
            raise self._failed(f"ended with status {output.status}")
        try:
            answer = json.loads(output.stdout)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
            raise self._failed("did not answer with an ExecCredential")
        status = answer.get("status")
        return status if isinstance(status, dict) else {}

    def _failed(self, what: str) -> ClusterError:
        return ClusterError(f"cluster {self._cluster}: the command {self._provider.command} {what}")
