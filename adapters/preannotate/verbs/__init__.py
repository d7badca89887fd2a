"""The verbs of `preannotate`, one per file, and the group that chooses among them.

A verb declares its options and makes one call. Nothing slow is imported before a verb runs, so that
`--help` is fast.
"""

from collections.abc import Mapping
from pathlib import Path

import click

FILES = "INPUT... OUT"
"""The key of the verb that is typed without a name; no input is named like this."""

summary_option = click.option(
    "--summary",
    metavar="FILE",
    help="Write the summary of the run to this file, as JSON.",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="SENTIMENT_DATA_DIR",
    default=".data",
    show_default=True,
    show_envvar=True,
    metavar="FOLDER",
    help="Data directory of the server that serves the project.",
)
model_option = click.option(
    "--model",
    metavar="TAG",
    help="Version to predict with. By default, the one that serves the project here, or the model "
    "that ships.",
)
do_option = click.option("--do", is_flag=True, help="Do it; without this, nothing changes.")
undo_option = click.option("--undo", is_flag=True, help="Put back what an earlier run changed.")
withhold_option = click.option(
    "--withhold",
    type=click.FloatRange(0, 1, max_open=True),
    envvar="SENTIMENT_WITHHOLD",
    default=0.0,
    show_envvar=True,
    metavar="SHARE",
    help="Share of the tasks whose predictions have no answer, as in the server's settings.",
)


def check_opposites(*, do: bool, undo: bool) -> None:
    """Raise UsageError if both are asked for."""
    if do and undo:
        raise click.UsageError("--do and --undo are opposites: choose one.")


def share(text: str) -> float:
    """Return a share between 0 and 1, which can be typed in percent, such as `2%`."""
    typed = text.strip()
    try:
        found = float(typed.removesuffix("%")) / (100 if typed.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 < found < 1:
        raise click.BadParameter(f"{text!r} is not a share: type one such as 2% or 0.02")
    return found


max_error_option = click.option(
    "--max-error",
    type=share,
    envvar="SENTIMENT_MAX_ERROR",
    default="2%",
    show_default=True,
    show_envvar=True,
    metavar="SHARE",
    help="Share of accepted answers that may be wrong.",
)
confidence_option = click.option(
    "--confidence",
    type=share,
    envvar="SENTIMENT_CONFIDENCE",
    default="95%",
    show_default=True,
    show_envvar=True,
    metavar="SHARE",
    help="Confidence of the promise that no more are.",
)
quiet_option = click.option(
    "--quiet", is_flag=True, help="Print errors only: no progress bar, no summary."
)


class Verbs(click.Group):
    """A group in which the verb for files runs unless the first argument names another verb."""

    project_option = click.Command(
        "--project",
        params=[click.Option(["--project"], metavar="ID")],
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    """Parses `--project ID`, the older way to type `project ID`, and leaves the other arguments."""

    def __init__(self, files: click.Command, named: Mapping[str, click.Command]) -> None:
        super().__init__(
            "preannotate",
            commands={FILES: files, **named},
            context_settings={"help_option_names": ["-h", "--help"]},
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb's key first, then parse as any group does."""
        if not args or args[0] not in self.commands:
            found = self.project_option.make_context(ctx.info_name, list(args))
            number = found.params["project"]
            args = [FILES, *args] if number is None else ["project", number, *found.args]
        return super().parse_args(ctx, args)


class NamelessContext(click.Context):
    """The context of a verb that is typed without a name."""

    @property
    def command_path(self) -> str:
        """The command as it is typed."""
        return self.parent.command_path if self.parent else super().command_path


class FilesVerb(click.Command):
    """The verb for files. Its help lists the other verbs, too."""

    context_class = NamelessContext

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the other verbs."""
        super().format_options(ctx, formatter)
        if ctx.parent is not None and isinstance(ctx.parent.command, click.Group):
            ctx.parent.command.format_commands(ctx.parent, formatter)
