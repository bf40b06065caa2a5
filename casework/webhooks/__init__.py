"""Results for systems that cannot read Redis: signed HTTP requests."""
