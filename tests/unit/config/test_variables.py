from __future__ import annotations

import re

from perdure.config.settings import Settings, load_settings
from perdure.config.variables import NAMES, SECRETS, effective
from tests.contracts.tree import PACKAGE


def test_every_variable_that_the_code_reads_is_listed() -> None:
    read = {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r"\b(?:PERDURE|TRIGGER)_[A-Z]+(?:_[A-Z]+)*\b", file.read_text(encoding="utf-8"))
    }
    assert sorted(read - set(NAMES)) == []


def test_what_is_shown_as_a_default_is_the_default() -> None:
    defaults = {name: value for name, value in effective({}).items() if value is not None}
    assert load_settings(defaults) == Settings()


def test_what_is_set_is_shown_but_for_secrets() -> None:
    given = dict.fromkeys(NAMES, "tr_prod_topsecret")
    shown = effective(given)
    assert {name for name, value in shown.items() if value != given[name]} == SECRETS
    assert not any("topsecret" in (shown[name] or "") for name in SECRETS)
    assert effective({"PERDURE_SECRET_KEY": "hush-hush"})["PERDURE_SECRET_KEY"] == "…"


def test_what_is_set_to_nothing_is_not_set() -> None:
    assert effective({"PERDURE_MAX_THREADS": ""}) == effective({})
