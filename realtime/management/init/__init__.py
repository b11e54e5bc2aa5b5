"""Init: what realtime needs in the settings, ASGI application and URLs of a project, as edits of its files."""
