"""A month of campaigns on virtual time, decided by the rules that the dispatcher uses."""
