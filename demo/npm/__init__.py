"""A demonstration with an app of the npm package ``@trigger.dev/sdk``: ``make demo-npm``.

The app takes orders; the server that keeps its runs is killed half-way and started again, and everything is counted.
"""
