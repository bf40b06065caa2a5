"""Makes the channel of WeChat customer service from the settings."""

from __future__ import annotations

from connectors.channel import Channel
from connectors.listening import Listener
from connectors.plugin import Context
from connectors.tencent.corp import CorpSecurity, corp_security
from connectors.wechat_kf.api import KfApi
from connectors.wechat_kf.channel import KfChannel
from connectors.wechat_kf.desk import Desk
from connectors.wechat_kf.intake import Intake
from connectors.wechat_kf.outlet import KfOutlet
from connectors.wechat_kf.puller import Puller
from core.errors import ConfigError

_HINT = "see docs/wecom.md"


def make(context: Context) -> Channel | None:
    """See ``connectors.plugin``. Raises ``ConfigError`` naming what is missing."""
    settings = context.settings
    if not settings.kf_secret:
        return None
    security = security_of(context)
    api = KfApi(settings, context.redis, context.http, context.clock)
    desk = Desk(context.redis, api)
    outlet = KfOutlet(api, desk, context.store, context.platform_texts, context.clock, context.staff)
    if context.staff is not None:
        context.staff.with_servicers.add(outlet.name)
    courier, outgoing = context.courier(outlet)
    listener = Listener(api.media, context.hearing, context.platform_texts, context.clock)
    context.inbox.prepare_with(outlet.name, listener.prepare)
    intake = Intake(context, outgoing, desk)
    puller = Puller(context.redis, api, intake.take, context.clock)
    return KfChannel(context, security, intake, puller, courier)


def security_of(context: Context) -> CorpSecurity | None:
    """Return how callbacks are checked, ``None`` when the WeCom door takes them. Raises ``ConfigError``."""
    settings = context.settings
    if not settings.wecom_corp_id:
        raise ConfigError("kf_secret is set, but not wecom_corp_id", hint=_HINT)
    if bool(settings.kf_token) != bool(settings.kf_aes_key):
        raise ConfigError("kf_token and kf_aes_key: set both or none", hint=_HINT)
    if not settings.kf_token:
        if not settings.wecom_agent_id:
            raise ConfigError("kf_secret is set, but neither kf_token nor wecom_agent_id", hint=_HINT)
        return None
    secrets = (settings.kf_token, settings.kf_aes_key, settings.wecom_corp_id)
    return corp_security(context.redis, context.clock, f"kf:{settings.wecom_corp_id}", secrets)
