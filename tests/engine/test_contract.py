"""The contract, kept by the toy problems, and broken by what does not keep it."""
