"""The program of a jsonnet worker: evaluates one text a request. Runs inside `worker_main` only.

It opens no file: what an import names is asked of the parent, which reads it from the commit.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_STACK = 500
MESSAGE_LENGTH = 800
STACK_LENGTH = 600
# Frames of the standard library, and lines that say no place.
_NO_PLACE = re.compile(r"<std>:|<main>:|During |\.\.\.\Z|Top-level function call\Z")
_META = re.compile(r"([\\.+*?()|\[\]{}^$])")
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")

Ask = Callable[[dict[str, Any]], Any]
Native = tuple[tuple[str, ...], Callable[..., Any]]


def handle_asking(request: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Evaluate ``code`` and return ``{"json": text}``, at most ``output_bytes`` of it.

    ``path`` names the text; imports are relative to its folder. ``ext_vars``, ``ext_codes``, ``tla_vars`` and
    ``tla_codes`` are mappings; ``natives`` adds the functions that ksonnet gives.

    An import is the question ``{"base": folder, "import": name}``, answered by ``{"path": ..., "text": ...}``, with
    ``base64`` for what is no UTF-8, or by ``{"refused": why}``.
    """
    importer = Importer(ask)
    variables = {name: request[name] for name in ("ext_vars", "ext_codes", "tla_vars", "tla_codes")}
    text, problem = "", None
    try:
        text = _evaluate(
            request["path"], request["code"], importer, _natives(ask) if request["natives"] else {}, variables
        )
    except RuntimeError as error:
        problem = str(error)
    if isinstance(importer.failure, BaseException):
        raise importer.failure
    if importer.failure or problem is not None:
        raise ValueError(one_line(problem or "", failed_import=importer.failure or ""))
    if len(text) > request["output_bytes"]:
        raise ValueError(f"makes more than {request['output_bytes'] // 10**6} MB of JSON; split it")
    return {"json": text}


class Importer:
    """Asks the parent for each import once; ``failure`` is the first that was refused.

    Raising inside the engine's callback would lose the message, so that a refused import gives a text that fails.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._found: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.failure: str | BaseException | None = None

    def put(self, path: str, content: bytes) -> None:
        """Let the import of ``path`` from the root give ``content``."""
        self._found["", path] = (path, content)

    def find(self, base: str, name: str) -> tuple[str, bytes]:
        """Path and bytes of what the text in folder ``base`` calls ``name``."""
        # The Rust engine gives the working folder for what lies nowhere.
        folder = "" if base.startswith("/") else base.rstrip("/")
        if (folder, name) not in self._found:
            self._found[folder, name] = self._get(folder, name)
        return self._found[folder, name]

    def find_text(self, base: str, name: str) -> tuple[str, str]:
        """As `find`, for the engine that takes text only."""
        path, content = self.find(base, name)
        try:
            return path, content.decode()
        except UnicodeDecodeError:
            self.failure = f"import {name[:200]!r}: not UTF-8 text, which the jsonnet engine rjsonnet cannot import"
            return "refused", "error 'refused'"

    def _get(self, folder: str, name: str) -> tuple[str, bytes]:
        if self.failure is None:
            try:
                answer = self._ask({"base": folder, "import": name})
                if "refused" not in answer:
                    content = answer["text"].encode() if "text" in answer else base64.b64decode(answer["base64"])
                    return answer["path"], content
                self.failure = f"import {name[:200]!r} in {folder or '.'}: {answer['refused']}"
            except BaseException as error:  # noqa: BLE001 - raised again when the engine has returned
                self.failure = error
        return "refused", b"error 'refused'"


def one_line(text: str, *, failed_import: str = "") -> str:
    """The engine's message and its stack, innermost first, on one line and without the text of any file."""
    text = text.replace(f"{Path.cwd()}/", "")
    head, *frames = re.split(r"\n(?:\t| {4})", text)
    if "\n\n" in text and not text.lower().startswith("runtime error"):
        # The source text follows the message of a syntax error.
        head, frames = head.partition("\n")[0], []
    message = re.sub(r"\A(?i:runtime error): ", "", head)
    if failed_import:
        message = failed_import
        frames = [frame for frame in frames if not frame.startswith("refused:")]
    places = [" ".join(frame.split()).removesuffix(" $") for frame in frames if not _NO_PLACE.match(frame)]
    stack = _printable(" < ".join(place for place in dict.fromkeys(places) if place)[:STACK_LENGTH])
    message = _printable(" ".join(message[: 10 * MESSAGE_LENGTH].split())[:MESSAGE_LENGTH])
    return f"{message} (at {stack})" if stack else message


def _printable(text: str) -> str:
    """``text`` with control and formatting characters escaped: it goes to terminals."""
    return "".join(ascii(char)[1:-1] if unicodedata.category(char).startswith("C") else char for char in text)


def _evaluate(path: str, code: str, importer: Importer, natives: dict[str, Native], variables: dict[str, Any]) -> str:
    try:
        import _gojsonnet
    except ImportError:
        import rjsonnet

        # Imports of the text that it is given itself would not be relative to ``path``.
        importer.put(path, code.encode())
        made = rjsonnet.evaluate_snippet(
            "<main>",
            f"import {json.dumps(path)}",
            import_callback=importer.find_text,
            native_callbacks=natives,
            max_stack=MAX_STACK,
            **variables,
        )
        try:
            json.loads(made)
        except ValueError:
            raise ValueError("makes a number that JSON has not, such as infinity") from None
        return made
    text: str = _gojsonnet.evaluate_snippet(
        path, code, import_callback=importer.find, native_callbacks=natives, max_stack=MAX_STACK, **variables
    )
    return text


def _natives(ask: Ask) -> dict[str, Native]:
    """The functions of ``std.native`` in ksonnet (pkg/util/jsonnet/vm.go of ksonnet 0.13)."""
    return {
        "parseJson": (("json",), json.loads),
        "parseYaml": (("yaml",), lambda text: ask({"yaml": text})),
        "escapeStringRegex": (("str",), lambda text: _META.sub(r"\\\1", text)),
        "regexMatch": (("regex", "string"), lambda regex, text: re.search(regex, text) is not None),
        "regexSubst": (("regex", "src", "repl"), _substitute),
    }


def _substitute(regex: str, text: str, new: str) -> str:
    """Replace every match; ``$1`` and ``${name}`` in ``new`` are groups, as Go writes them."""

    def expand(match: re.Match[str]) -> str:
        def group(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            return match[int(name) if name.isdecimal() else name] or ""

        return _REFERENCE.sub(group, new)

    return re.sub(regex, expand, text)
