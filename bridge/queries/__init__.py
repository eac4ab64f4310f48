"""Reading for screens and commands: querysets and dataclasses, never a partner call, never an opened value."""
