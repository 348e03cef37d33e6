"""Build the peers' environments below ``.bench/``.

Usage: ``python -m bench.peers.setup [NAME ...]`` (all of them without a name).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from bench.peers.environments import ENVIRONMENTS, HOME, Environment


def build(name: str, environment: Environment) -> None:
    """Create one peer's virtual environment and install its packages, or update it in place.

    Args:
        name: The folder below ``.bench/``.
        environment: What to install.

    Raises:
        subprocess.CalledProcessError: pip or npm failed; their own messages say why.
    """
    folder = HOME / name
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "-q", "--upgrade", *environment.packages], check=True)
    if environment.node_packages:
        install_node_packages(environment.node_packages)


def install_node_packages(packages: tuple[str, ...]) -> None:
    """Install npm packages into ``.bench/npm``, without running their install scripts.

    Args:
        packages: Names as npm knows them.
    """
    folder = HOME / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(folder), *packages], check=True)


def report_missing(environment: Environment) -> list[str]:
    """List the programs that an environment needs and ``PATH`` does not have.

    Args:
        environment: The environment to look at.

    Returns:
        Their names, in the environment's order.
    """
    return [program for program in environment.needs if shutil.which(program) is None]


def main() -> None:
    """Build the environments named on the command line, going on past one that fails."""
    parser = argparse.ArgumentParser(description="Build the peers' environments below .bench/.")
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(ENVIRONMENTS), help=", ".join(ENVIRONMENTS))
    names = parser.parse_args().names
    if unknown := sorted(set(names) - set(ENVIRONMENTS)):
        parser.error(f"no such environment: {', '.join(unknown)}")
    failed = []
    for name in names:
        environment = ENVIRONMENTS[name]
        try:
            build(name, environment)
        except (OSError, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"{name}: not built: {error}", file=sys.stderr)
            continue
        missing = report_missing(environment)
        print(f"{name}: built" + (f"; still needs on PATH: {', '.join(missing)}" if missing else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
