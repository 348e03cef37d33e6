"""Jobs that are plain functions, and plain bodies that use the task library: what holds for async code holds there."""
