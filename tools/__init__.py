"""What writes parts of the project; it is not part of the package."""
