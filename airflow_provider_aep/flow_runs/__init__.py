"""Wait for a flow run: what is waited for, when to poll, how to fetch, who polls. Used by all that waits."""
