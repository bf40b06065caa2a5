"""What the doors on Tencent's platforms share: their crypto, XML, HTTP API, access tokens and error codes."""
