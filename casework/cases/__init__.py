"""The closed loop: who needs help, what was done about it, and how it ended."""
