"""The net under the webhooks: what was missed, what vanished, what should not be there twice (DESIGN section 8)."""
