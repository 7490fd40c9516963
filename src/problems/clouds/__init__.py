"""Photos of the sky to one of seven kinds of cloud."""
