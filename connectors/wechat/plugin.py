"""Makes the official account's channel from the settings."""

from __future__ import annotations

from connectors.channel import Channel
from connectors.listening import Listener
from connectors.plugin import Context
from connectors.tencent.crypto import MessageCrypt, decode_key
from connectors.tencent.guard import CallbackGuard
from connectors.wechat.api import WechatApi
from connectors.wechat.channel import Security, WechatChannel
from connectors.wechat.outlet import WechatOutlet
from connectors.wechat.passive import PassiveReply, Pulse
from core.errors import ConfigError
from core.settings import Settings


def make(context: Context) -> Channel | None:
    """See ``connectors.plugin``. Raises ``ConfigError`` naming what is missing."""
    settings = context.settings
    if not settings.wechat_app_id:
        return None
    api = WechatApi(settings, context.redis, context.http, context.clock)
    outlet = WechatOutlet(api, context.platform_texts)
    courier, outgoing = context.courier(outlet)
    listener = Listener(api.media, context.hearing, context.platform_texts, context.clock)
    context.inbox.prepare_with(outlet.name, listener.prepare)
    passive = PassiveReply(
        context.inbox, context.store, outgoing, outlet, context.clock, Pulse(context.clock)
    )
    return WechatChannel(context, security_of(settings, context), passive, courier)


def security_of(settings: Settings, context: Context) -> Security:
    """Return how callbacks are checked. Raises ``ConfigError``."""
    needed = ["wechat_token", "wechat_app_secret"]
    if settings.wechat_mode != "plain":
        needed.append("wechat_aes_key")
    missing = [name for name in needed if not getattr(settings, name)]
    if missing:
        raise ConfigError(f"wechat_app_id is set, but not {', '.join(missing)}", hint="see docs/wechat.md")
    guard = CallbackGuard(context.redis, f"wechat:{settings.wechat_app_id}", context.clock)
    crypt = None
    if settings.wechat_mode != "plain":
        crypt = MessageCrypt(
            settings.wechat_token, decode_key(settings.wechat_aes_key), settings.wechat_app_id
        )
    return Security(settings.wechat_token, crypt, guard)
