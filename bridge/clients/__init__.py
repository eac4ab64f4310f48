"""HTTP clients of the partners: typed in, typed out, paced, timed out. No models, no retries, no decisions.

Source of every fact used here: the Krayin and Chatwoot contracts, cited by section.
"""
