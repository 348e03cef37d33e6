"""What the project promises about itself: its exports, rooms, documents, locks and files."""
