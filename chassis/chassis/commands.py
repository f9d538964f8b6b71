"""One command line for operators: `duijie migrate needs`; `duijie` alone lists the commands.

Every command is a module with `main()`, which can be run as `python -m <module>` as well. Services name theirs in their pyproject.toml
under `duijie.commands`; those of the services that are installed here are there.
"""

import sys
from importlib import import_module
from importlib.metadata import entry_points

from rich.console import Console
from rich.table import Table

OF_EVERY_SERVICE = {
    "migrate": "chassis.migrate",
    "topology": "chassis.topology",
    "dead-letters": "chassis.dead_letters",
    "replay": "chassis.replay",
    "retell": "chassis.retell",
    "reseal": "chassis.reseal",
}


def commands() -> dict[str, str]:
    """Return the module of every command by the name of the command."""
    return OF_EVERY_SERVICE | {entry.name: entry.module for entry in entry_points(group="duijie.commands")}


def show() -> None:
    """List the commands, each with the first sentence of its module."""
    table = Table.grid("command", "what it does", padding=(0, 2))
    for name, module in commands().items():
        said = (import_module(module).__doc__ or "").partition("\n")[0].partition(": `")[0]
        table.add_row(f"duijie {name}", said)
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(table)
    console.print("`duijie <command> --help` says more.")


def main() -> None:
    """Run the command named first, or list all commands."""
    name, rest = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if name in {"-h", "--help"}:
        show()
    elif module := commands().get(name):
        sys.argv = [f"duijie {name}", *rest]
        import_module(module).main()
    else:
        sys.exit(f"there is no command {name}; `duijie` alone lists those of the services that are installed here")


if __name__ == "__main__":
    main()
