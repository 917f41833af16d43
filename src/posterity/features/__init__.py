"""Features by which samples are compared: networks' features, perceptual distances, pixels."""
