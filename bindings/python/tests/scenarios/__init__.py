"""The scenarios of all languages, played by this one."""
