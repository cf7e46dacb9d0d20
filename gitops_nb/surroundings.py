"""Where a notebook runs: in front of a person, or as a job whose outputs must stand by themselves."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STATIC_VARIABLE: Final = "GITOPS_NB_STATIC"


def shows_static() -> bool:
    """Whether widgets show their static twins only: nobody will ever hold their state."""
    return bool(os.environ.get(STATIC_VARIABLE))


@contextmanager
def static_outputs() -> Iterator[None]:
    """Make kernels that are started inside show static twins."""
    before = os.environ.get(STATIC_VARIABLE)
    os.environ[STATIC_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(STATIC_VARIABLE, None)
        else:
            os.environ[STATIC_VARIABLE] = before
