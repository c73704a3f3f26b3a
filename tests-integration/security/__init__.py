"""What `docs/explanation/threat-model.md` says, tested line by line."""
