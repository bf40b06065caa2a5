"""SIP and RTP behind `voice.interfaces.CallTransport`."""
