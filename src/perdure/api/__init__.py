"""The routes of a node: parse a request, call the engine, answer. No decision is made here.

Start reading at `app.node_app`.
"""
