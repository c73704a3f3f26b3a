"""Real processes are killed, frozen and lied to while images stream; an auditor accounts for every image."""
