"""The memo: from the stored tasks of a run and the key asked for, what to do next.

No I/O and no waiting: whatever drives a job's code asks `Memo.find` first, acts on the answer, and says with
`Ask.settle` what came of it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from perdure.errors import AmbiguousCacheKeyError, CacheKeyMismatchError, DuplicateCacheKeyError
from perdure.protocol.json_text import dump, load
from perdure.protocol.keys import CacheKey, display_key, idempotency_key, key_identity
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.ask import Ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.protocol.execution import JsonText, TaskState
    from perdure.sdk.scope import OpenTask, Scope

_IDENTITY_LIMIT = 120


class Memo:
    """What this run has stored, and what its code has asked for in this execution."""

    __slots__ = ("_asked", "_inner", "_prefix", "_run_id", "known", "task_warnings", "warnings")

    def __init__(self, run_id: str, tasks: Sequence[TaskState]) -> None:
        self._run_id = run_id
        self._prefix = f"{run_id}::"
        self.known = {task.key: task for task in tasks}
        self._asked: dict[str, Ask] = {}
        self._inner: dict[str, list[str]] | None = None
        self.warnings: tuple[str, ...] = ()
        self.task_warnings: dict[str, str] | None = None

    def find(
        self,
        scope: Scope,
        operation: str,
        name: str,
        key: CacheKey | None,
        *,
        identity: object = None,
        params: JsonText | None = None,
        compared: JsonText | None = None,
        asker: object = None,
    ) -> tuple[Ask, bool]:
        """Find the task a call asks for.

        Args:
            scope: Where the call stands.
            operation: What is called, such as ``run_task`` or ``wait``.
            name: The task's name.
            key: The cache key, or ``None`` for an automatic one.
            identity: What makes two calls of one key the same call beside ``params``: the function of a
                ``run_task``.
            params: The parameters as JSON text.
            compared: The part of them that is compared on replay, and between two uses of the key; ``None``: all.
            asker: The branch that asks, for automatic keys.

        Returns:
            The entry, and whether this call is the first to ask for it in this execution.

        Raises:
            DuplicateCacheKeyError: The key was used for another call in this scope.
            CacheKeyMismatchError: The key's stored task is that of another call.
            AmbiguousCacheKeyError: Another branch already asks here for automatic keys of this name.
        """
        if compared is None:
            compared = params
        task = scope.task
        if type(key) is str and task is None and key:
            text = self._prefix + key
            task_key = sha256(text.encode()).hexdigest() if text.isascii() else idempotency_key(self._run_id, None, key)
        else:
            if key is None:
                key = self._automatic_key(scope, operation, name, asker)
            task_key = idempotency_key(self._run_id, None if task is None else task.id, key)
        ask = self._asked.get(task_key)
        if ask is not None:
            self._check_same(ask, operation, name, key, identity, compared)
            return ask, False
        # The caller's list may change after the call.
        ask = Ask(operation, name, key if isinstance(key, str) else tuple(key), task_key, identity, params, compared)
        if compared is not None:
            ask.params_hash = sha256(compared.encode()).hexdigest()[:16]
        state = self.known.get(task_key)
        if state is not None:
            self.learn(ask, state)
        self._asked[task_key] = ask
        if task is not None:
            if self._inner is None:
                self._inner = {}
            self._inner.setdefault(task.id, []).append(task_key)
        return ask, True

    def learn(self, ask: Ask, state: TaskState) -> None:
        """Take in what is stored of a task that is asked for; one that has its outcome is settled.

        Raises:
            CacheKeyMismatchError: It is that of another call.
        """
        self._check_stored(ask, state)
        ask.state = state
        if state.status is TaskStatus.COMPLETED:
            ask.settle(state.output)
        elif state.status is TaskStatus.ERRORED:
            ask.settle(None, state.error)

    def _automatic_key(self, scope: Scope, operation: str, name: str, asker: object) -> list[object]:
        counters = scope.automatic
        if counters is None:
            counters = scope.automatic = {}
        counter = counters.get((operation, name))
        if counter is None:
            counter = counters[operation, name] = [0, asker]
        elif counter[1] is not asker:
            raise AmbiguousCacheKeyError(
                f"Two concurrent branches ask for automatic cache keys of {operation} {name!r}; which of them comes "
                "first may differ on replay. Give each call a cache key, or use io.parallel."
            )
        ordinal = counter[0]
        assert isinstance(ordinal, int)
        counter[0] = ordinal + 1
        return ["perdure", operation, name, f"{scope.item}{ordinal}"]

    def _check_same(
        self, ask: Ask, operation: str, name: str, key: CacheKey, identity: object, compared: JsonText | None
    ) -> None:
        shown = display_key(key)
        if key != ask.key and key_identity(key) != key_identity(ask.key):
            raise DuplicateCacheKeyError(
                f"The cache keys {_show(ask.key)} and {_show(key)} are stored under the same name; change one of them."
            )
        if ask.operation != operation or ask.name != name:
            raise DuplicateCacheKeyError(
                f"The cache key {shown!r} was used in this scope by {ask.operation} {ask.name!r}, and again by "
                f"{operation} {name!r}; give each its own key."
            )
        has_params = compared is not None or ask.compared is not None
        same = compared == ask.compared if has_params else identity is ask.identity
        if not same:
            what = "other params" if has_params else "another function"
            raise DuplicateCacheKeyError(
                f"The cache key {shown!r} was used twice in this scope, the second time with {what}; "
                "give each call its own key (inside a loop, put the loop's variable into it)."
            )
        self.warn(f"key {shown} was asked for twice; the second call got the first result")

    def _check_stored(self, ask: Ask, state: TaskState) -> None:
        if not state.operation and state.name in ("", ask.name):
            # A platform of the v2 protocol says no more of it.
            return
        if state.operation != ask.operation or state.name != ask.name:
            raise CacheKeyMismatchError(
                f"The cache key {display_key(ask.key)!r} belongs to {state.operation} {state.name!r}, stored by an "
                f"earlier execution; now {ask.operation} {ask.name!r} asks for it. Give the new call a new key."
            )
        if state.params_hash == ask.params_hash:
            return
        if _is_automatic(ask.key):
            raise CacheKeyMismatchError(
                f"The automatic cache key of {ask.operation} {ask.name!r} ({display_key(ask.key)}) met other "
                f"parameters than its stored result was made with: {_differences(state.params, ask.params)}. Give the "
                "call a cache key of its own, or keep the calls of this name in their order."
            )
        if self.task_warnings is None:
            self.task_warnings = {}
        self.task_warnings[state.id] = (
            f"key {display_key(ask.key)} was asked for with other parameters than its stored result was made with "
            f"({_differences(state.params, ask.params)}); the stored result was returned"
        )

    def place(self, scope: Scope, operation: str, asker: object) -> str:
        """Name the place of a call without a key that is no task: the same in every execution.

        Raises:
            AmbiguousCacheKeyError: Another branch already makes such calls here.
        """
        return self._path(scope, self._automatic_key(scope, operation, operation, asker))

    def path(self, scope: Scope, ask: Ask) -> str:
        """Say where in the run a task is asked for: the shown keys of the tasks around it and its own, by ``/``."""
        return self._path(scope, ask.key)

    def _path(self, scope: Scope, key: CacheKey) -> str:
        keys = [display_key(key)]
        task = scope.task
        while task is not None:
            around = self._asked.get(task.key)
            keys.append(task.name if around is None else display_key(around.key))
            task = task.parent
        return "/".join(reversed(keys))

    def release(self) -> None:
        """Let go of everything: the execution has ended."""
        self._asked.clear()
        self.known.clear()

    def unsettled(self) -> Ask | None:
        """A task that was asked for and has no outcome yet."""
        return next((ask for ask in self._asked.values() if not ask.is_settled), None)

    def forget(self, ask: Ask) -> None:
        """Forget a request that came to nothing (its branch was cancelled): the next one finds what is stored of it.

        Whoever waits for its outcome is still to be told, by `Ask.wake`.
        """
        self._asked.pop(ask.task_key, None)
        self._keep(ask)
        ask.is_forgotten = True

    def renew(self, task: OpenTask) -> None:
        """Let a task's body ask anew for the tasks inside it: another attempt passes the same calls again."""
        for task_key in () if self._inner is None else self._inner.pop(task.id, ()):
            ask = self._asked.get(task_key)
            if ask is not None and ask.is_settled:
                del self._asked[task_key]
                self._keep(ask)

    def _keep(self, ask: Ask) -> None:
        """Know of a task what a replay would find of it."""
        state = None if ask.task is None else ask.task.state()
        if state is not None:
            self.known[ask.task_key] = replace(state, output=ask.output, error=ask.error)

    def warn(self, sentence: str) -> None:
        """Add a warning to the run, once."""
        if sentence not in self.warnings and len(self.warnings) < 100:
            self.warnings += (sentence,)


def _is_automatic(key: CacheKey) -> bool:
    return not isinstance(key, str) and len(key) == 4 and key[0] == "perdure"


def _show(key: CacheKey) -> str:
    return key_identity(key)[:_IDENTITY_LIMIT]


def _differences(stored: JsonText | None, asked: JsonText | None) -> str:
    """Name the parameters that differ, with both values, as far as they are stored."""
    before: Any = None if stored is None else load(stored)
    now: Any = None if asked is None else load(asked)
    if type(before) is not dict or type(now) is not dict:
        return f"{_short(before)} was stored, {_short(now)} is asked for"
    then, asked_for = cast("dict[str, object]", before), cast("dict[str, object]", now)
    parts = [
        f"{name} was {_short(then.get(name))}, is {_short(asked_for.get(name))}"
        for name in sorted({*then, *asked_for})
        if then.get(name) != asked_for.get(name)
    ]
    return ", ".join(parts) or "members that are not stored"


def _short(value: Any) -> str:
    text = dump(value)
    return text if len(text) <= _IDENTITY_LIMIT else f"{text[:_IDENTITY_LIMIT]}…"
