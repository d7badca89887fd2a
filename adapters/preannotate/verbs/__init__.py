"""The verbs of `preannotate`, one per file, and the group that chooses among them.

A verb declares its options and makes one call. Nothing slow is imported before a verb runs, so that
`--help` is fast.
"""

from collections.abc import Mapping

import click

FILES = "INPUT... OUT"
"""The key of the verb that is typed without a name; no input is named like this."""

summary_option = click.option(
    "--summary",
    metavar="FILE",
    help="Write the summary of the run to this file, as JSON.",
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
