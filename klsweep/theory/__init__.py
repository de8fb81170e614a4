"""What theory says of a VAE on given data before any training."""
