"""Routes that clients of the v2 protocol know (section 4), with its shapes to the letter.

Start reading at `runs`.
"""
