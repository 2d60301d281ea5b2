"""The arguments of commands, declared as data and read with the standard library.

Messages and help have one form for all commands. Options and positional arguments may stand in any order.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, HelpFormatter, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

WRONG_USAGE = 2


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument, or an option if its name starts with ``--``. ``kind`` bool makes a switch; ``several``
    gives a list, which has at least one member where the argument is positional."""

    name: str
    help: str
    kind: type = str
    metavar: str | None = None
    default: Any = None
    choices: tuple[str, ...] | None = None
    several: bool = False
    optional: bool = False
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """Its help is the first line of what ``run`` says of itself; ``run`` gives the exit status."""

    name: str
    run: Callable[[Namespace], int]
    arguments: tuple[Argument, ...] = ()

    @property
    def help(self) -> str:
        return (self.run.__doc__ or "").splitlines()[0]


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"Try '{self.prog} --help' for help.\n\nError: {message}", file=sys.stderr)
        sys.exit(WRONG_USAGE)


def read_arguments(
    program: str, about: str, commands: Sequence[Command], arguments: Sequence[str] | None
) -> tuple[Command, Namespace]:
    """The command and its options; ends the process where there is nothing to run."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    named = {c.name: c for c in commands}
    if not given or given[0].startswith("-"):
        parser = _Parser(program, formatter_class=_plain, description=about, allow_abbrev=False)
        listed = parser.add_argument_group("commands")
        width = max(map(len, named))
        listed.description = "\n".join(f"{c.name:<{width}}  {c.help}" for c in commands)
        parser.usage = f"{program} [--help] COMMAND …"
        if not given:
            parser.print_help(sys.stderr)
            sys.exit(WRONG_USAGE)
        parser.parse_args(given[:1])
        parser.error("a command is missing")
    command = named.get(given[0])
    if command is None:
        _unknown(program, given[0], list(named))
    parser = _parser(f"{program} {command.name}", command)
    return command, _options(parser, given[1:])


_PLAIN = "\0"
"""Before what is no option although it may look like one; no argument of a process holds this character."""


def _options(parser: ArgumentParser, given: list[str]) -> Namespace:
    if "--" in given:
        end = given.index("--")
        given = given[:end] + [_PLAIN + text for text in given[end + 1 :]]
    found = parser.parse_intermixed_args(given)
    for name, value in vars(found).items():
        if isinstance(value, str):
            setattr(found, name, value.removeprefix(_PLAIN))
        elif isinstance(value, list):
            setattr(found, name, [text.removeprefix(_PLAIN) for text in value])
    return found


def _plain(prog: str) -> HelpFormatter:
    from argparse import RawDescriptionHelpFormatter

    return RawDescriptionHelpFormatter(prog)


def _parser(program: str, command: Command) -> _Parser:
    parser = _Parser(program, description=command.help, allow_abbrev=False)
    for a in command.arguments:
        text = a.help if a.default is None else f"{a.help} [default: {a.default}]"
        if a.kind is bool:
            parser.add_argument(a.name, action="store_true", help=text)
        elif not a.name.startswith("--"):
            count = "+" if a.several else "?" if a.optional else None
            parser.add_argument(a.name, metavar=a.metavar, nargs=count, help=text)
        else:
            parser.add_argument(
                a.name,
                metavar=a.metavar,
                type=_reader(a),
                default=[] if a.several else a.default,
                choices=a.choices,
                action="append" if a.several else "store",
                help=text,
            )
    return parser


def _reader(argument: Argument) -> Callable[[str], Any]:
    """What makes a value of the text; what it raises is the user's mistake."""
    kind, least = argument.kind, argument.least

    def read(text: str) -> Any:
        from argparse import ArgumentTypeError

        words = {int: "a whole number", float: "a number", str: "a text"}[kind]
        try:
            value = kind(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not {words}") from None
        if least is not None and not value >= least:
            raise ArgumentTypeError(f"expected at least {least}, not {text}")
        return value

    return read


def _unknown(program: str, name: str, known: list[str]) -> NoReturn:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else f" There are {', '.join(known)}."
    print(f"Try '{program} --help' for help.\n\nError: there is no command '{name}'.{hint}", file=sys.stderr)
    sys.exit(WRONG_USAGE)
