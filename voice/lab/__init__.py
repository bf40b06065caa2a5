"""The phone lab: what recognisers hear and how calls go, measured on audio."""
