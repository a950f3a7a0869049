"""Programs that run peers in environments of their own; nothing here imports what moopt needs."""
