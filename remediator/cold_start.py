"""What an import does without, so that an alarm waits less; imported first of all.

The garbage collector stands still while the function's code is imported: that makes hundreds of
thousands of objects that stay, and the collector would look through them again and again, for about
a sixth of the import. Afterwards it never looks at those again.

Pydantic asks every installed distribution for plugins before it builds its first validator. There
is none that our records would need; who wants one sets the variable (to ``""``).
"""

import gc
import os

gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def resume() -> None:
    """All is imported: collect what comes from now on."""
    gc.freeze()
    gc.enable()
