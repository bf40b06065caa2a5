"""Makes the WeCom application's channel from the settings."""

from __future__ import annotations

from connectors.channel import Channel
from connectors.listening import Listener
from connectors.plugin import Context
from connectors.tencent.corp import corp_security
from connectors.wecom.api import WecomApi
from connectors.wecom.channel import Delivery, WecomChannel
from connectors.wecom.outlet import WecomOutlet
from core.errors import ConfigError

_NEEDED = ("wecom_corp_id", "wecom_secret", "wecom_token", "wecom_aes_key")


def make(context: Context) -> Channel | None:
    """See ``connectors.plugin``. Raises ``ConfigError`` naming what is missing."""
    settings = context.settings
    if not settings.wecom_agent_id:
        return None
    missing = [name for name in _NEEDED if not getattr(settings, name)]
    if missing:
        raise ConfigError(f"wecom_agent_id is set, but not {', '.join(missing)}", hint="see docs/wecom.md")
    api = WecomApi(settings, context.redis, context.http, context.clock)
    outlet = WecomOutlet(api, context.platform_texts, settings.wecom_rich)
    listener = Listener(api.media, context.hearing, context.platform_texts, context.clock)
    context.inbox.prepare_with(outlet.name, listener.prepare)
    account = f"wecom:{settings.wecom_corp_id}:{settings.wecom_agent_id}"
    secrets = (settings.wecom_token, settings.wecom_aes_key, settings.wecom_corp_id)
    security = corp_security(context.redis, context.clock, account, secrets)
    return WecomChannel(context, security, Delivery(*context.courier(outlet)))
