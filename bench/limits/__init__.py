"""What the machine and the libraries allow, whatever is built on them: the measurements behind our choice of parts.

Run each with the Python of the ``limits`` environment, as ``python -m bench.limits.disk``. Each prints results of the
system ``limits``, one for each measurement.
"""
