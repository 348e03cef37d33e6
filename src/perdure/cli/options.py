"""The options that commands have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""An option that is given or not."""


@Parameter(name="*")
@dataclass(frozen=True)
class Form:
    """How a command answers.

    Attributes:
        json: Print JSON: an object, or for what goes on a line for each change.
    """

    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print JSON; streams as one JSON object per line.")
    ] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Common(Form):
    """How a command answers, and where.

    Attributes:
        database_url: The database whose node is asked, or that is opened; ``None``: as the settings say.
        environment: The environment that is meant; ``None``: as the settings say.
    """

    database_url: Annotated[
        str | None, Parameter(help="The database, such as sqlite:///jobs.db, in place of PERDURE_DATABASE_URL.")
    ] = None
    environment: Annotated[
        str | None, Parameter(help="The environment that is meant, such as prod, in place of PERDURE_ENVIRONMENT.")
    ] = None


COMMON = Common()
FORM = Form()
