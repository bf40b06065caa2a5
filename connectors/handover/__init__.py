"""The doors' side of a handover: the assistant falls silent, staff speak, the assistant goes on."""
