"""Workloads in which a server, the app that executes its jobs, and whoever asks are processes of their own."""
