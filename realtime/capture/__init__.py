"""Change capture: logs the changes of live models in the writer's transaction."""
