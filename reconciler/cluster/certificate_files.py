"""Certificates and keys of a kubeconfig, read at once: the kubernetes package leaves them in temporary files until its process
ends, and a process that is killed leaves its keys there for ever."""

import ssl
import threading
from typing import Final

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

LOADING: Final = threading.Lock()
"""Held from reading a kubeconfig until `hold_certificates`: the files are those of all readers."""


def hold_certificates(pool: urllib3.PoolManager) -> None:
    """Have the pool's connections use certificates from memory, and remove the package's files.

    One that cannot be read stays where it is: the first connection says what is wrong with it.
    """
    from kubernetes.config import kube_config

    settings = pool.connection_pool_kw
    authority, certificate = settings.get("ca_certs"), settings.get("cert_file")
    try:
        context = create_urllib3_context(cert_reqs=settings.get("cert_reqs", ssl.CERT_REQUIRED))
        if authority:
            context.load_verify_locations(authority)
        else:
            context.load_default_certs()
        if certificate:
            # With an encrypted key OpenSSL would ask the terminal.
            context.load_cert_chain(certificate, settings.get("key_file"), password="")
    except (OSError, ValueError):
        return
    for name in ("ca_certs", "cert_file", "key_file"):
        settings.pop(name, None)
    settings["ssl_context"] = context
    kube_config._cleanup_temp_files()
