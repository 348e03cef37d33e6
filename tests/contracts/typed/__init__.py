"""Code as users write it: it passes the type checkers, and what is marked in it must not."""
