"""The command ``gitops-nb``, also as ``python -m gitops_nb``."""

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process."""
    # Start-up makes hundreds of thousands of objects that live to the end: looking through them for garbage takes a tenth of
    # a short command's time. A long run still collects, only less often.
    gc.set_threshold(100_000, 50, 50)
    from gitops_nb.cli import main as run

    try:
        run()
    finally:
        # What lives now lives to the end: looking through all of it once more on the way out takes a fifth of a second.
        gc.freeze()


if __name__ == "__main__":
    main()
