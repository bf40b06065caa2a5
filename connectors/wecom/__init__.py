"""The door on WeCom: a self-built application whose members write to it."""
