"""How long a container's command would work, and how it would end: enough of a shell for hooks and demonstrations."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_SEPARATORS = frozenset({";", "&&", "||", "|", "&"})
_COMPOUND = frozenset({"if", "for", "case", "while", "until", "(", ")", "{", "function"})
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNKNOWN_S = 1.0
"""What a command that is not understood is taken to need."""


@dataclass(frozen=True, slots=True)
class Work:
    """A container's work: its length as written (seconds), its exit code, and whether the command was understood.

    ``endless`` work never ends by itself; its other fields mean nothing.
    """

    seconds: float = _UNKNOWN_S
    exit_code: int = 0
    understood: bool = False
    endless: bool = False


def work_of(container: Mapping[str, Any]) -> Work:
    """Read a container's ``command`` and ``args``; an image's own entry point is not understood, and so succeeds."""
    argv = [str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
    if not argv:
        return Work()
    if PurePosixPath(argv[0]).name not in _SHELLS:
        return _run([([*argv], ";")], stop_on_error=False)
    for at, word in enumerate(argv[1:], start=1):
        if _is_short_option(word) and word.endswith("c") and at + 1 < len(argv):
            stop = any("e" in option for option in argv[1 : at + 1] if _is_short_option(option))
            return _script(argv[at + 1], stop_on_error=stop)
    return Work()


def _is_short_option(word: str) -> bool:
    return word.startswith("-") and not word.startswith("--")


def _script(script: str, *, stop_on_error: bool) -> Work:
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("#")]
    lexer = shlex.shlex(";".join(lines), posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        return Work()
    commands = list(_commands(tokens))
    if any(words[0] in _COMPOUND for words, _ in commands):
        endless = any(words[:2] in (["while", "true"], ["while", ":"]) for words, _ in commands)
        return Work(endless=endless, understood=endless)
    return _run(commands, stop_on_error=stop_on_error or any(words[:2] == ["set", "-e"] for words, _ in commands))


def _commands(tokens: list[str]) -> Iterator[tuple[list[str], str]]:
    """The simple commands of a script, each with the separator after it."""
    words: list[str] = []
    for token in [*tokens, ";"]:
        if token not in _SEPARATORS:
            words.append(token)
        elif words:
            yield words, token
            words = []


def _run(commands: list[tuple[list[str], str]], *, stop_on_error: bool) -> Work:
    """Add the commands up, following ``&&``, ``||`` and ``exit``."""
    seconds, code, understood, before = 0.0, 0, True, ";"
    for words, after in commands:
        if (before == "&&" and code) or (before == "||" and not code):
            continue
        before = after
        name, *arguments = words[1:] if words[0] == "exec" and len(words) > 1 else words
        name = PurePosixPath(name).name
        if name == "exit":
            exit_code = int(arguments[0]) % 256 if arguments and arguments[0].isdigit() else code
            return Work(seconds, exit_code, understood)
        if name == "tail" and ("-f" in arguments or "-F" in arguments):
            return Work(endless=True, understood=True)
        if name == "sleep":
            slept = _sleep_s(arguments)
            if slept is None:
                return Work(endless=True, understood=True)
            seconds, code = seconds + slept, 0
        elif name in {"true", ":", "echo", "printf", "date", "set", "env", "test", "["}:
            code = 0
        elif name == "false":
            code = 1
        else:
            seconds, code, understood = seconds + _UNKNOWN_S, 0, False
        if code and stop_on_error and after not in {"||", "&&", "|"}:
            break
    return Work(seconds, code, understood)


def _sleep_s(arguments: list[str]) -> float | None:
    """Seconds of a ``sleep``; None for ``sleep infinity``."""
    if "infinity" in arguments or "inf" in arguments:
        return None
    total = 0.0
    for argument in arguments:
        number, unit = (argument[:-1], argument[-1]) if argument[-1:] in _UNITS_S else (argument, "s")
        try:
            total += float(number) * _UNITS_S[unit]
        except ValueError:
            total += _UNKNOWN_S
    return total
