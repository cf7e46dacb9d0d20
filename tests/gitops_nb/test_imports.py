import subprocess
import sys

import pytest

HEAVY = ("pandas", "ipywidgets", "anywidget", "IPython", "kubernetes", "numpy")


@pytest.mark.parametrize("module", ["gitops_nb", "gitops_nb.formatting", "gitops_nb.frames", "gitops_nb.widgets"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_an_unknown_widget_is_an_attribute_error() -> None:
    import gitops_nb.widgets

    with pytest.raises(AttributeError, match=r"module 'gitops_nb.widgets' has no attribute 'Missing'"):
        gitops_nb.widgets.__getattr__("Missing")
