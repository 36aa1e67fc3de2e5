"""Files as they are named on a command line: patterns, too, where no shell stands between."""

from collections.abc import Iterator, Sequence
from glob import has_magic
from pathlib import Path


def named(files: Sequence[Path]) -> tuple[Path, ...]:
    """The files that are meant, each once: a pattern stands for all that fit it, in order.

    A pattern that nothing fits stands for itself, which is then no file.
    """
    return tuple(dict.fromkeys(found for file in files for found in _fitting(file)))


def _fitting(file: Path) -> Iterator[Path]:
    if str(file) == "-" or file.exists() or not has_magic(str(file)):
        yield file
        return
    pattern = str(file.relative_to(file.anchor))
    yield from sorted(Path(file.anchor).glob(pattern)) or [file]
