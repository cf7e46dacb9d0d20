"""The embedded sandbox cluster: a small, faithful Kubernetes API server for demos, lessons and tests.

Importing this package is light; the server's own libraries are imported when one starts.
"""

from reconciler.sandbox.instance import Sandbox
from reconciler.sandbox.process import (
    SandboxInfo,
    sandbox_directory,
    sandbox_status,
    start_sandbox,
    stop_sandbox,
)

__all__ = ["Sandbox", "SandboxInfo", "sandbox_directory", "sandbox_status", "start_sandbox", "stop_sandbox"]
