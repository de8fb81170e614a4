"""Scores for data with known factors: whether each latent stands for one factor, and each factor in one latent."""
