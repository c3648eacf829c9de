"""Wait for a flow run: the fields of a wait, when to poll, and the poller."""
