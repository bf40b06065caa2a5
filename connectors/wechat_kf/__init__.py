"""The door on WeChat customer service (微信客服): residents in WeChat, staff in WeCom, the bot first."""
