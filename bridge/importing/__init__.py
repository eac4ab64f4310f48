"""Bulk work over both partners: history, people who are in the CRM already, the full check, sending again."""
