"""Stage rules: why an opportunity moves by itself (screen A8, DESIGN section 7)."""
