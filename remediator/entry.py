"""Entry of the command ``remediator``: says what to install where the command line is not."""

import sys
from importlib.util import find_spec

NEEDS = ("typer", "rich")
INSTALL = (
    "remediator: the command line needs the extra 'cli': pip install 'iteratorage-remediator[cli]' "
    "(in a clone: pip install '.[cli]')"
)


def main() -> None:
    """Run the command, if all that it needs was installed."""
    if any(find_spec(module) is None for module in NEEDS):
        sys.exit(INSTALL)
    from remediator.cli import main as run  # noqa: PLC0415 - imports what may be missing

    run()
