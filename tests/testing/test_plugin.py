"""The plugin in sessions of pytest of its own: by itself, and beside other plugins that run async tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

JOBS = """
from perdure import Client, IO, event_trigger

client = Client(id="shop")

@client.job(id="welcome", version="1.0.0", trigger=event_trigger("user.created"))
async def welcome(payload: dict, io: IO) -> str:
    await io.wait("⏰", 3600)
    return await io.run_task("💬", lambda: f"hello {payload['name']}")
"""

PASSING = """
import asyncio
import pytest
from perdure import Client, IO, invoke_trigger
from perdure.testing import Env
from jobs import client

executions = []

@pytest.fixture
def name():
    return "Ada"

async def finish(env, name):
    await env.emit("user.created", {"name": name})
    await env.advance(hours=1)
    run = await env.only_run("welcome")
    assert run.output == f"hello {name}"

async def test_a_function(perdure_env):
    assert isinstance(perdure_env, Env)
    await finish(perdure_env, "Ada")

async def test_each_test_has_a_database_of_its_own(perdure_env, name):
    assert await perdure_env.runs() == []
    await finish(perdure_env, name)

class TestClass:
    async def test_a_method(self, perdure_env, name):
        await finish(perdure_env, name)

    @pytest.mark.crash_everywhere
    async def test_a_crashing_method(self, perdure_env, name, monkeypatch):
        monkeypatch.setenv("NAME", name)
        executions.append(name)
        await finish(perdure_env, name)

@pytest.mark.parametrize("name", ["Bo", "Cy"])
async def test_with_parameters(perdure_env, name):
    await finish(perdure_env, name)

@pytest.mark.usefixtures("perdure_env")
async def test_that_does_not_take_it():
    await client.send_event(name="user.created", payload={"name": "Ada"})

@pytest.fixture
def faked(perdure_env):
    perdure_env.fake("⏰", None)
    return perdure_env

@pytest.mark.crash_everywhere
async def test_what_a_fixture_fakes_is_faked_in_every_call(faked):
    await faked.emit("user.created", {"name": "Ada"})
    assert (await faked.only_run()).status == "SUCCESS"
    assert len(faked.fakes["⏰"].calls) == 1

@pytest.mark.force_replay
async def test_marked(perdure_env):
    assert perdure_env.force_replay

async def test_unmarked(perdure_env):
    assert not perdure_env.force_replay

async def test_skipped(perdure_env):
    pytest.skip("not today")

def test_the_crashing_method_was_called_for_each_point():
    assert len(executions) == 1 + 6

def test_nothing_is_left_behind(perdure_env):
    assert client.node is None
"""

OWN_CLIENT = """
from datetime import UTC, datetime
import pytest
from perdure import Client, IO, invoke_trigger

client = "no client at all"

@pytest.fixture
def perdure_client():
    made = Client(id="own")

    @made.job(id="own", version="1.0.0", trigger=invoke_trigger())
    async def own(payload, io: IO):
        return "own"

    return made

@pytest.fixture
def perdure_start():
    return datetime(2031, 5, 1, tzinfo=UTC)

async def test_the_fixture_says_when_time_begins(perdure_env):
    assert perdure_env.now == datetime(2031, 5, 1, tzinfo=UTC)

async def test_the_fixture_says_which_client_is_hosted(perdure_env, perdure_client):
    assert (await perdure_env.invoke("own")).output == "own"
    assert perdure_client.node is not None
"""

FAILING = """
import asyncio
import itertools
import pytest
from perdure import Client, IO, event_trigger
from jobs import client, welcome

numbers = itertools.count(1)

@client.job(id="numbered", version="1.0.0", trigger=event_trigger("number"))
async def numbered(payload, io: IO):
    number = next(numbers)
    await io.run_task("body", lambda: None)
    return number

@client.job(id="endless", version="1.0.0", trigger=event_trigger("endless"))
async def endless(payload, io: IO):
    await io.run_task("for ever", asyncio.Event().wait)

@pytest.mark.crash_everywhere
async def test_a_job_that_counts_outside_of_tasks(perdure_env):
    await perdure_env.emit("number")

@pytest.mark.crash_everywhere
async def test_a_body_that_is_to_run_once(perdure_env, bodies=[]):
    bodies.clear()
    perdure_env.fake("body", lambda params: bodies.append("ran"))
    await perdure_env.emit("number")
    assert len(bodies) == 1

async def test_a_fake_for_an_unknown_key(perdure_env):
    await perdure_env.emit("number")
    perdure_env.fakes["bodyy"]

async def test_the_only_run_of_two(perdure_env):
    await perdure_env.emit("number")
    await perdure_env.emit("number")
    await perdure_env.only_run("numbered")

async def test_a_run_that_never_settles(perdure_env):
    perdure_env.patience = 0.1
    await perdure_env.emit("endless")

@pytest.mark.crash_everywhere
async def test_crashing_without_the_fixture():
    pass

@pytest.mark.crash_everywhere
def test_crashing_a_plain_function(perdure_env):
    pass

@pytest.mark.crash_everywhere(limit=1)
async def test_too_many_points(perdure_env):
    await perdure_env.emit("number")

async def test_a_plain_failure(perdure_env):
    assert perdure_env.now is None
"""

UNUSED = """
from jobs import client

async def test_a_fake_that_no_run_asks_for(perdure_env):
    perdure_env.fake("hello", "faked")
    await perdure_env.emit("user.created", {"name": "Ada"})
"""

PYTEST_ASYNCIO = """
import asyncio
import pytest
import pytest_asyncio
from jobs import client

@pytest_asyncio.fixture
async def loop():
    return asyncio.get_running_loop()

async def finish(env):
    await env.emit("user.created", {"name": "Ada"})
    await env.advance(hours=1)
    assert (await env.only_run()).status == "SUCCESS"

@pytest.mark.asyncio
async def test_marked(perdure_env, loop):
    assert asyncio.get_running_loop() is loop
    await finish(perdure_env)

@pytest.mark.asyncio
@pytest.mark.crash_everywhere
async def test_crashing(perdure_env, loop):
    assert asyncio.get_running_loop() is loop
    await finish(perdure_env)

async def test_unmarked(perdure_env):
    await finish(perdure_env)

@pytest.mark.asyncio
async def test_without_an_environment(loop):
    assert asyncio.get_running_loop() is loop
"""

ANYIO = """
import asyncio
import pytest
from jobs import client

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture
async def loop():
    return asyncio.get_running_loop()

async def finish(env):
    await env.emit("user.created", {"name": "Ada"})
    await env.advance(hours=1)
    assert (await env.only_run()).status == "SUCCESS"

@pytest.mark.anyio
async def test_marked(perdure_env, loop):
    assert asyncio.get_running_loop() is loop
    await finish(perdure_env)

@pytest.mark.anyio
@pytest.mark.crash_everywhere
async def test_crashing(perdure_env, loop):
    assert asyncio.get_running_loop() is loop
    await finish(perdure_env)

@pytest.mark.anyio
async def test_without_an_environment(loop):
    assert asyncio.get_running_loop() is loop

async def test_unmarked(perdure_env):
    await finish(perdure_env)
"""


BUT_SLOW = ("-p", "no:schemathesis", "-p", "no:hypothesispytest")
"""Leaves out plugins that take seconds to load, and have nothing to do with async tests."""


def run(pytester: pytest.Pytester, *options: str, but: tuple[str, ...] = BUT_SLOW, **modules: str) -> pytest.RunResult:
    """Run pytest on modules, with every plugin that is installed unless an option says otherwise."""
    pytester.makepyfile(jobs=JOBS, **modules)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers", *but, *options)


def test_async_tests_run_without_another_plugin(pytester: pytest.Pytester) -> None:
    result = run(
        pytester, "-p", "no:asyncio", "-p", "no:anyio", "-W", "error", test_passing=PASSING, test_own=OWN_CLIENT
    )
    result.assert_outcomes(passed=14, skipped=1)


def test_replay_may_be_forced_for_a_whole_session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_FORCE_REPLAY", "1")
    result = run(pytester, "-k", "marked", test_passing=PASSING)
    result.assert_outcomes(passed=1, failed=1, deselected=11)
    result.stdout.fnmatch_lines(["FAILED *::test_unmarked - *"])


def test_what_is_wrong_fails_and_says_what_it_is(pytester: pytest.Pytester) -> None:
    result = run(pytester, test_failing=FAILING)
    result.assert_outcomes(failed=9)
    output = " ".join(result.stdout.str().split())
    for sentence in (
        "crash_everywhere: a crash before the result of 'body' was stored (run 1 of 'numbered') changes the outcome",
        "run 1 of 'numbered': without a crash SUCCESS, output 1; with it SUCCESS, output 3",
        "crash_everywhere: this came of a crash before the result of 'body' was stored (run 1 of 'numbered').",
        "There is no fake for 'bodyy'; there are none.",
        "There are 2 runs of job 'numbered', where one was expected.",
        "is at work in the body of 'for ever'",
        "crash_everywhere is for async tests that ask for perdure_env.",
        "The test has 2 crash points, and its limit is 1",
    ):
        assert sentence in output, sentence


def test_a_failure_is_shown_where_it_stands_in_the_test(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-k", "unknown_key or only_run or never_settles or counts", test_failing=FAILING)
    result.assert_outcomes(failed=4, deselected=5)
    shown = result.stdout.str()
    assert "perdure/testing" not in shown.replace("\\", "/")
    assert '>       perdure_env.fakes["bodyy"]' in shown
    assert '>       await perdure_env.only_run("numbered")' in shown
    assert '>       await perdure_env.emit("endless")' in shown


def test_a_fake_that_no_run_asks_for_is_warned_of(pytester: pytest.Pytester) -> None:
    result = run(pytester, test_unused=UNUSED)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*No run asked for the fake of 'hello'; the runs asked for '⏰'.*"])


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_it_works_beside_pytest_asyncio(pytester: pytest.Pytester, mode: str) -> None:
    result = run(
        pytester, "-p", "no:anyio", "-o", f"asyncio_mode={mode}", "-o", "asyncio_default_fixture_loop_scope=function",
        "-W", "error", test_asyncio=PYTEST_ASYNCIO,
    )  # fmt: skip
    result.assert_outcomes(passed=4)


def test_it_works_beside_anyio(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-p", "no:asyncio", "-W", "error", test_anyio=ANYIO)
    result.assert_outcomes(passed=4)


def test_it_works_beside_both(pytester: pytest.Pytester) -> None:
    result = run(
        pytester, "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error",
        but=("-p", "no:schemathesis"), test_asyncio=PYTEST_ASYNCIO, test_anyio=ANYIO,
    )  # fmt: skip
    result.assert_outcomes(passed=8)


def test_a_session_that_does_not_use_it_loads_no_engine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            heavy = ("perdure.engine", "perdure.storage", "perdure.server", "perdure.testing.life", "apsw", "pydantic")
            assert "perdure.testing.plugin" in sys.modules
            assert [name for name in sys.modules if name.startswith(heavy)] == []
        """
    )
    pytester.runpytest_subprocess("-W", "error", "-p", "no:asyncio", *BUT_SLOW).assert_outcomes(passed=1)


@pytest.mark.parametrize("autoload", ["", "1"])
@pytest.mark.parametrize("name", ["perdure.testing", "perdure.testing.plugin"])
def test_it_may_be_named_as_a_plugin(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, autoload: str
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", autoload)
    pytester.makeconftest(f"pytest_plugins = [{name!r}]")
    run(pytester, "-p", name, "-k", "test_a_function", test_passing=PASSING).assert_outcomes(passed=1, deselected=12)


def test_the_markers_are_explained(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--markers", *BUT_SLOW)
    result.stdout.fnmatch_lines(["@pytest.mark.crash_everywhere(limit=1000): *", "@pytest.mark.force_replay: *"])


def test_importing_the_surface_loads_no_engine() -> None:
    program = (
        "import sys, perdure.testing; rooms = ('perdure.engine', 'perdure.storage', 'perdure.server'); "
        "print([name for name in sys.modules if name.startswith(rooms)])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
