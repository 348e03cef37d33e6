"""``perdure completion``."""

from __future__ import annotations

from typing import Literal


def show_completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what completes commands and options in a shell.

    Args:
        shell: The shell.
    """
    from perdure.cli.app import make_app
    from perdure.cli.output import Output

    Output(as_json=False).line(make_app().generate_completion(shell=shell))
    return 0
