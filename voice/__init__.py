"""The phone door: transport, recognisers, synthesisers, turn-taking, session, outcome, worker."""
