"""How a command runs: it gets a session, returns an answer, and its errors become messages and exit codes.

Exit codes: 0 done; 1 a finding of the audit, or a log that is not what was written; 2 a mistake in the request, or
a refusal; 3 the database, a gateway or a subscriber is busy or cannot be reached, so try again; 70 a defect of ours;
130 interrupted; 141 nobody reads the output any more.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any, NoReturn, TypeVar, cast, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from interact_ledger import __version__
from interact_ledger.cli.output import Answer, Output, print_for_people
from interact_ledger.cli.session import Options, Session
from interact_ledger.cli.text import plain_text
from interact_ledger.errors import Busy, CorruptLog, GatewayError, LedgerError, NotDelivered, StorageUnavailable
from interact_ledger.free_text import from_outside

__all__ = ["EXIT_FINDING", "EXIT_REQUEST", "command", "group", "root_options"]

CommandT = TypeVar("CommandT", bound=Callable[..., Answer])
"""Takes a session, then what is its own."""

EXIT_FINDING = 1
EXIT_REQUEST = 2
EXIT_UNAVAILABLE = 3
EXIT_DEFECT = 70
EXIT_BROKEN_PIPE = 141

MISTAKE_LENGTH_MAX = 500

UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""Typer does not export it, and which package has it depends on Typer's release."""


class PlainHelp(TyperCommand):
    """A command whose help names flags and arguments as ordinary programs do, whatever Typer's release."""

    def get_params(self, ctx: Any) -> Any:
        """Return the options, no flag with the name of a type behind it."""
        return _without_types_of_flags(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what the line of usage names, arguments without braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class LedgerGroup(TyperGroup):
    """A group of commands that tells mistakes in usage as JSON too, and gives defects an exit code of their own.

    What it repeats of a mistake holds no card number and no credential.
    """

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the group's own words."""
        with _repeating_no_secret():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Find the command, read its words, and run it."""
        with _repeating_no_secret():
            return super().invoke(ctx)

    def get_params(self, ctx: Any) -> Any:
        """Return the options, no flag with the name of a type behind it."""
        return _without_types_of_flags(super().get_params(ctx))

    def main(self, args: Any = None, *arguments: Any, **options: Any) -> Any:
        """Run, as Typer does."""
        args = sys.argv[1:] if args is None else list(args)
        try:
            if "--json" not in args:
                return super().main(args, *arguments, **options)
            sys.exit(super().main(args, *arguments, **{**options, "standalone_mode": False}))
        except UsageError as error:
            Output(as_json=True).error("usage", None, error.format_message())
            sys.exit(EXIT_REQUEST)
        except Exception:  # noqa: BLE001 - the last resort, where the traceback is the message
            traceback.print_exc()
            sys.exit(EXIT_DEFECT)


@contextmanager
def _repeating_no_secret() -> Iterator[None]:
    """Take out of a mistake in usage what nobody should read again in a terminal's or a job's log."""
    try:
        yield
    except UsageError as error:
        error.message = from_outside(error.message, length_max=MISTAKE_LENGTH_MAX)
        raise


def _without_types_of_flags(params: Any) -> Any:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


def group(help_text: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(cls=LedgerGroup, help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)


def command(app: typer.Typer, name: str, *, panel: str | None = None) -> Callable[[CommandT], CommandT]:
    """Add a function to an app as a command, which takes the options of every command beside its own.

    Args:
        app: where it goes.
        name: what operators type.
        panel: the heading under which help lists it.
    """

    def add(function: CommandT) -> CommandT:
        own = _parameters(function)
        del own[next(iter(own))]  # the session

        def run(context: typer.Context, **given: Any) -> NoReturn:
            arguments = {name: given.pop(name) for name in own}
            options = Options(**given).over(context.find_root().obj)
            raise typer.Exit(_carry_out(options, lambda session: function(session, **arguments)))

        run.__doc__ = function.__doc__
        _take(run, own | _parameters(Options))
        app.command(name, cls=PlainHelp, rich_help_panel=panel)(run)
        return function

    return add


def _tell_version(wanted: bool) -> None:
    if wanted:
        print_for_people(sys.stdout, plain_text(f"interact_ledger {__version__}"))
        raise typer.Exit


_VERSION = inspect.Parameter(
    "version",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_tell_version)
    ],
)


def root_options(app: typer.Typer) -> None:
    """Let an app take the options of every command before the command's name too, and tell its version."""

    def keep(context: typer.Context, *, version: bool, **given: Any) -> None:  # noqa: ARG001 - its callback tells it
        context.obj = Options(**given)

    _take(keep, {"version": _VERSION, **_parameters(Options)})
    app.callback()(keep)


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return {
        name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _take(callback: Callable[..., object], parameters: Mapping[str, inspect.Parameter]) -> None:
    """Give a callback the parameters that Typer is to read."""
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    callback.__signature__ = inspect.Signature([context, *parameters.values()])  # type: ignore[attr-defined]


def _carry_out(options: Options, body: Callable[[Session], Answer]) -> int:
    with ExitStack() as resources:
        session = Session(options, resources)
        try:
            answer = body(session)
            session.output.answer(answer, session.key)
        except LedgerError as error:
            key = None if session.key is None else from_outside(session.key)  # it may be what was refused
            session.output.error(error.code, error.field, error.message, key)
            return _exit_code(error)
        except BrokenPipeError:
            # What is still buffered goes nowhere, so that the interpreter's last flush is quiet too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BROKEN_PIPE
        return answer.exit_code


def _exit_code(error: LedgerError) -> int:
    if isinstance(error, CorruptLog):
        return EXIT_FINDING
    if isinstance(error, Busy | StorageUnavailable | NotDelivered) or type(error) is GatewayError:
        return EXIT_UNAVAILABLE
    return EXIT_REQUEST
