"""Job notebooks: parameters checked before anything runs, executed by papermill, the executed notebook kept as the record."""

import ast
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gitops_nb.surroundings import static_outputs
from reconciler import errors
from reconciler.errors import ReconcilerError, UsageError
from reconciler.kill_points import reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

RESULT_MIME: Final = "application/vnd.gitops-nb.result+json"
DEFAULT_OUTPUT: Final = "runs/{application}/{stamp}-{run}.ipynb"
TYPES: Final[Mapping[str, type]] = {"str": str, "bool": bool, "int": int, "float": float, "list": list, "dict": dict}
START_TIMEOUT_S: Final = 60
# sockaddr_un holds 104 bytes on the narrowest platform, the number of the socket and a null among them.
MAX_SOCKET_PATH: Final = 100


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter: ``default`` is Python source, ``type`` empty where none is annotated."""

    name: str
    type: str
    default: str
    help: str


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a run left: ``exit_status`` as the command line's, ``result`` what the last cell reported."""

    notebook: str
    exit_status: int
    summary: str
    result: dict[str, Any]


def find_notebook(name: str) -> Path:
    """A notebook by path, or a job of ours by its name.

    Raises
    ------
    UsageError
        With the jobs that there are.
    """
    path = Path(name)
    if path.suffix == ".ipynb":
        if not path.is_file():
            raise UsageError(f"{name}: no such notebook")
        return path
    jobs = _jobs_directory()
    found = jobs / f"{name}.ipynb"
    if not found.is_file():
        known = ", ".join(sorted(entry.stem for entry in jobs.glob("*.ipynb")))
        raise UsageError(f"{name}: no such job; there are {known}; or give the path of a notebook")
    return found


def _jobs_directory() -> Path:
    """Beside the package in a checkout, inside it once installed."""
    package = Path(__file__).parent
    inside = package / "notebooks" / "jobs"
    return inside if inside.is_dir() else package.parent / "notebooks" / "jobs"


def describe_parameters(path: Path) -> list[Parameter]:
    """The parameters that the notebook's tagged cell declares, in its order.

    Raises
    ------
    UsageError
        When the file is no notebook or has not exactly one cell tagged ``parameters``.
    """
    source = _parameters_cell(path)
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UsageError(f"{path}: the parameters cell does not parse: line {error.lineno}: {error.msg}") from error
    lines = source.split("\n")
    return [
        Parameter(
            name=node.target.id,
            type=ast.unparse(node.annotation),
            default=ast.unparse(node.value),
            help=lines[(node.end_lineno or node.lineno) - 1].partition("  # ")[2].strip(),
        )
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    ]


def _parameters_cell(path: Path) -> str:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in document["cells"] if "parameters" in ((cell.get("metadata") or {}).get("tags") or [])]
        sources = [cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"]) for cell in cells]
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise UsageError(f"{path}: not a notebook ({type(error).__name__})") from error
    if len(sources) != 1:
        raise UsageError(f"{path}: expected one cell tagged 'parameters', found {len(sources)}")
    return sources[0]


def check_parameters(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the types that the notebook declares; text is read as the declared type.

    Raises
    ------
    UsageError
        With every unknown name and every value that does not fit.
    """
    declared = {parameter.name: parameter for parameter in describe_parameters(path)}
    wrong: list[str] = []
    checked: dict[str, Any] = {}
    for name, value in values.items():
        parameter = declared.get(name)
        if parameter is None:
            wrong.append(f"unknown parameter {name}; there are {', '.join(declared)}")
            continue
        try:
            checked[name] = _typed(value, parameter.type)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            # All that ast.literal_eval answers to text that is no literal.
            wrong.append(f"parameter {name}: {value!r} is no {parameter.type}")
    if wrong:
        raise UsageError(f"{path.name}: {'; '.join(wrong)}")
    return checked


def _typed(value: Any, annotation: str) -> Any:
    options = [option.strip() for option in annotation.split("|")]
    if len(options) > 1 and "None" in options:
        options.remove("None")
        if value is None or value == "None":
            return None
        annotation = " | ".join(options)
    wanted = TYPES.get(annotation.partition("[")[0], object)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is wanted or (wanted is object and not isinstance(value, str)):
        return _checked_items(value, annotation)
    if not isinstance(value, str):
        raise ValueError(annotation)
    if wanted is bool:
        return (
            {"true": True, "false": False}[value.lower()] if value.lower() in ("true", "false") else _refuse(annotation)
        )
    if wanted in (int, float):
        return wanted(value)
    parsed = ast.literal_eval(value)
    if wanted is not object and not isinstance(parsed, wanted):
        raise ValueError(annotation)
    return _checked_items(parsed, annotation)


def _checked_items(value: Any, annotation: str) -> Any:
    """The list or dict, if its items are of the types that ``list[X]`` and ``dict[X, Y]`` name."""
    names = [name.strip() for name in annotation.partition("[")[2].removesuffix("]").split(",")]
    if isinstance(value, list):
        columns: list[list[Any]] = [value]
    elif isinstance(value, dict):
        columns = [list(value), list(value.values())]
    else:
        return value
    for name, column in zip(names, columns, strict=False):
        if name in TYPES and not all(type(item) is TYPES[name] for item in column):
            raise ValueError(annotation)
    return value


def _refuse(annotation: str) -> Any:
    raise ValueError(annotation)


def run_job(
    path: Path, values: Mapping[str, Any], *, output: str = DEFAULT_OUTPUT, progress: bool = False
) -> JobOutcome:
    """Execute a job notebook.

    Parameters
    ----------
    values
        Parameters by name; checked against the notebook's declaration before anything runs.
    output
        Path of the executed notebook; ``{application}``, ``{job}``, ``{stamp}`` (UTC) and ``{run}`` are filled in.
    progress
        Show papermill's progress bar on stderr.

    Raises
    ------
    UsageError
        For parameters or paths that cannot be; nothing has run then.
    """
    _light_nbformat()
    import papermill
    from papermill.exceptions import PapermillExecutionError

    checked = check_parameters(path, values)
    run_id = uuid.uuid4().hex[:8]
    target = _output_path(output, path, checked, run_id)
    if "notebook" in {parameter.name for parameter in describe_parameters(path)}:
        checked.setdefault("notebook", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with static_outputs(), _private_sockets() as config, _saved_whole(target) as draft:
        try:
            executed = papermill.execute_notebook(
                str(path),
                str(draft),
                parameters=checked,
                progress_bar=progress and sys.stderr.isatty(),
                start_timeout=START_TIMEOUT_S,
                # A saved widget state would hide the static twin on a web page.
                store_widget_state=False,
                config=config,
            )
        except PapermillExecutionError as error:
            return _failed(draft, target, error)
    result = read_result(executed)
    summary = str(result.get("summary", "done"))
    return JobOutcome(str(target), int(result.get("exit_status", 0)), summary, result)


@contextmanager
def _saved_whole(target: Path) -> "Iterator[Path]":
    """Where to write a notebook that is there whole, on the disk, or not at all; of a run that is killed the draft stays.

    papermill writes after every cell.
    """
    draft = target.with_name(f".{target.stem}.draft.ipynb")
    try:
        yield draft
    finally:
        if draft.exists():
            with draft.open("rb+") as written:
                os.fsync(written.fileno())
            reach("notebook-save")
            draft.replace(target)
            reach("notebook-save")


def _failed(draft: Path, target: Path, error: "PapermillExecutionError") -> JobOutcome:
    """The outcome of a notebook that raised: an error of ours keeps its exit status."""
    import nbformat

    name, message = error.ename, error.evalue
    result = read_result(nbformat.read(draft, as_version=4))
    kind = getattr(errors, name.rpartition(".")[2], None)
    ours = isinstance(kind, type) and issubclass(kind, ReconcilerError)
    status = int(result.get("exit_status") or (kind.exit_status if ours and kind else 1))
    text = message if ours else f"{name}: {message}"
    return JobOutcome(str(target), status, " ".join(text.split()), result)


def read_result(notebook: "NotebookNode") -> dict[str, Any]:
    """What the notebook reported in its JSON bundle, empty when it reported nothing."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", ()):
            bundle = output.get("data", {}).get(RESULT_MIME)
            if isinstance(bundle, Mapping):
                return dict(bundle)
    return {}


def _output_path(template: str, path: Path, values: Mapping[str, Any], run_id: str) -> Path:
    application = str(values.get("application") or Path(str(values.get("application_file") or path)).stem)
    safe = (
        "".join(char if char.isalnum() or char in "-._" else "-" for char in application).lstrip(".") or "application"
    )
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        filled = template.format(application=safe, job=path.stem, stamp=stamp, run=run_id)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"--to {template}: only {{application}}, {{job}}, {{stamp}} and {{run}} can be filled in"
        ) from error
    return Path(filled).absolute()


@contextmanager
def _private_sockets() -> "Iterator[Config]":
    """How to talk to the kernel: over sockets in a folder of this run's own, where the platform has such.

    Loopback ports are open to every user, and where nothing is said the sockets lie in the working directory, under one
    name for all runs, which would then meet there.
    """
    from traitlets.config import Config

    config = Config()
    with tempfile.TemporaryDirectory(prefix="gitops-nb-") as folder:
        address = str(Path(folder, "kernel"))
        if sys.platform != "win32" and len(address) <= MAX_SOCKET_PATH:
            config.KernelManager.transport = "ipc"
            config.KernelManager.ip = address
        yield config


def _light_nbformat() -> None:
    """Keep jsonschema from building dozens of parsers at import where JupyterLab is installed, which costs a second.

    Without the module jsonschema falls back to not checking that one string format, which notebooks do not use.
    """
    if "nbformat" not in sys.modules:
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
