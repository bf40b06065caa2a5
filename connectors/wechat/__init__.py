"""The door on a WeChat official account (docs/wechat.md)."""
