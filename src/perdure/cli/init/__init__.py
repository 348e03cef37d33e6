"""``perdure init``: the first files of an app.

Lives here: what the files hold, which web framework a folder uses, and how files are written so that nothing that is
there already is lost. Start reading at ``command``.
"""
