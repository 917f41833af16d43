"""What samples are compared by: networks' features, perceptual distances, pixels."""
