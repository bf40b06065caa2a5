"""Local servers that behave like the platforms: for tests and for ``nuanye demo wechat``, ``wecom``, ``kf``.

They keep the platforms' rules (tokens that expire, quotas, error numbers, three attempts five seconds
apart, one reply per message), know nothing of our doors but their address, and never leave this machine.
"""
