"""Writes `perdure.sdk.sync_io`, the task library for plain functions, from `perdure.sdk.io`.

`sources` reads classes as they are written, without importing them; `twins` says which of them need a blocking form,
and what its types are; `writing` writes it. ``python -m tools.sync_io`` writes the files, with ``--check`` it only says
whether they are as they should be.

What is made of what:

* a method that returns ``Coroutine[Any, Any, T]`` or is ``async`` becomes one that blocks and returns ``T``;
* a class with such methods becomes ``Sync…``, wherever a call gives one or a public attribute holds one: a handle, a
  group of calls such as ``io.logger``;
* the bases of `IO` become the bases of `SyncIO`, each in a file of the same name.
"""
