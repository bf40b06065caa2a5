"""What a conversation remembers beside its form, how it is steered, and what staff read of it. Pure."""
