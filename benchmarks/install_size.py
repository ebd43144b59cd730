"""What each dependency of the base installation costs: ``python -m benchmarks.install_size`` prints a table."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = "cryoaniso_nb"


def needs(name: str) -> set[str]:
    """Distributions that one requires directly, without extras."""
    found = set()
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.add(canonicalize_name(requirement.name))
    return found


def closure(names: set[str]) -> set[str]:
    """These and all that they require."""
    seen: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        try:
            left |= needs(name) - seen - {name}
        except PackageNotFoundError:  # of another platform
            continue
        seen.add(name)
    return seen


def megabytes(names: set[str]) -> float:
    """Bytes of their files, without compiled Python."""
    files = (file for name in names for file in distribution(name).files or () if file.suffix != ".pyc")
    return sum(path.stat().st_size for file in files if (path := file.locate()).is_file()) / 1e6


def main() -> None:
    """Print a row per dependency: what it takes itself, and what would go with it."""
    direct = needs(PACKAGE)
    whole = closure(direct)
    print(f"Base installation: {megabytes(whole):.0f} MB in {len(whole)} packages.\n")
    print("| package | itself, MB | with all that only it brings, MB |\n| --- | --- | --- |")
    rows = [(megabytes({name}), megabytes(whole - closure(direct - {name})), name) for name in direct]
    for own, gone, name in sorted(rows, reverse=True):
        print(f"| {name} | {own:.1f} | {gone:.1f} |")


if __name__ == "__main__":
    main()
