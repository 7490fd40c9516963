"""The command line: LightningCLI over configs and runs by name."""
