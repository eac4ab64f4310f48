"""Reading for the screens, the API and the reports: numbers in, small frozen objects out; nothing is written here."""
