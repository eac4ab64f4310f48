"""Reading for the screens of the audit and of privacy."""
