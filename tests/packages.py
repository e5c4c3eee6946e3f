"""Packages of somebody else's, as an installer leaves them: modules beside a folder with their metadata."""

from pathlib import Path

HALF = '''
from dataclasses import dataclass

from warmstart import Strategy, shrink_perturb


@dataclass(frozen=True)
class Half(Strategy):
    """Start from half of the previous model."""

    amount: float = 0.5
    sizes: tuple[int, ...] = (1, 3)

    def __call__(self, previous, fresh, context):
        if previous is None:
            return shrink_perturb(fresh, context.another(), shrink=1, perturb=0)
        return shrink_perturb(previous, fresh, shrink=self.amount, perturb=0.1)


quarter = Half(0.25)


def tenth(times: int = 1):
    return Half(times / 10)


def wrong(times: int = 1):
    return times


class NoStrategy:
    pass


number = 3
'''
ENTRIES = """
[warmstart.strategies]
half = {module}:Half
a-tenth = {module}:tenth
broken = no_such_module:Half
[warmstart.data]
squares = {module}:number
"""


def install(folder: Path, module: str = "halves", *, code: str = HALF, entries: str = ENTRIES) -> Path:
    """Put a package into a folder, which is then to be put on the search path."""
    (folder / f"{module}.py").write_text(code)
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entries.format(module=module))
    return folder
