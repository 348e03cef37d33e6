"""What a job may count on, one file per behaviour, against an embedded node in every way of running."""
