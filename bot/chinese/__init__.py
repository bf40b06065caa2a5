"""Pure functions for Chinese text: cleaning, numbers, money, time, pronunciation."""
