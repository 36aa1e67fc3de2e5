"""Entry of the command ``remediator-lab``: says what to install where the lab is not."""

import sys
from importlib.util import find_spec

NEEDS = ("jinja2", "moto", "numpy", "rich", "simpy", "typer")
INSTALL = (
    "remediator-lab: the lab needs the extra 'lab': pip install 'iteratorage-remediator[lab]' "
    "(in a clone: pip install '.[lab]')"
)


def main() -> None:
    """Run the command, if all that it needs was installed."""
    if any(find_spec(module) is None for module in NEEDS):
        sys.exit(INSTALL)
    from lab.cli import main as run  # noqa: PLC0415 - imports what may be missing

    run()
