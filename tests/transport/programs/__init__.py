"""Programs that send requests in a process of their own, so that its memory can be looked at."""
