"""``perdure doctor``: what may be wrong with a folder's set-up.

Lives here: what is looked at. Each look gives checks, and raises nothing. Start reading at ``command``.
"""
