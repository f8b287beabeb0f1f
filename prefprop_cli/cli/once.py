"""Options that stand once: given twice they are refused, where the last one would win unsaid."""

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class Command(TyperCommand):
    """A command whose options stand once, but for those that may be repeated."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line.

        Raises:
            typer.BadParameter: an option with a value, or a switch with two positions, is given
                more than once.
        """
        if not ctx.resilient_parsing:  # of a line that is still being typed
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
            for option, times in Counter(given).items():
                if times > 1 and _stands_once(option):
                    raise typer.BadParameter(
                        f"given {times} times, and only one can count. Give it once",
                        ctx=ctx,
                        param_hint=option.opts,
                    )
        return super().parse_args(ctx, args)


def _stands_once(option: object) -> bool:
    if not isinstance(option, TyperOption) or option.multiple or option.count:
        return False
    is_plain_switch = option.is_flag and not option.secondary_opts
    return not is_plain_switch  # `-q -q` says nothing else than `-q`
