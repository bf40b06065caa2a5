"""The two conversations that ask questions: the job intention and the phone follow-up. Pure."""
