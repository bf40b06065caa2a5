"""The chat doors: web, and later WeChat and WeCom, behind one shared inbox."""
