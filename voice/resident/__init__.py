"""The synthetic callee: answers SIP and speaks from a file of facts and lines."""
