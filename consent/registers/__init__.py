"""The registers (lgpd sections 10 and 12): operations, approved version by version; processors; transfers abroad."""
