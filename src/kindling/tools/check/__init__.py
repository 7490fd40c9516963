"""A data set examined before training: what there is, what is odd, and what would be refused."""
