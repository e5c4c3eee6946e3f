"""One file per experiment; every module here has an ``EXPERIMENT`` and imports only the kit and the rooms below it."""
