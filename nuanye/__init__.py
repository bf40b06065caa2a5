"""The front door: the `nuanye` command and the supervisor of the processes."""
