"""How calls travel: ``SipTransport`` places them, ``AnsweringTransport`` answers, loopback is the fake."""
