"""``python -m nuanye`` is the ``nuanye`` command."""

from nuanye.cli import main

main()
