"""Who is followed up, when, and what came of it."""
