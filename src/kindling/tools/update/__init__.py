"""Another version of the engine in place of this one."""
