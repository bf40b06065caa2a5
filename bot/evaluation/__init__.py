"""Measures of understanding: what files hold, how right the answers are, what noise does to them."""
