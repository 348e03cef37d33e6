"""An app's jobs behind HTTP: thin converters around one neutral handler (v2 protocol, section 3).

Start reading at `handler`.
"""
