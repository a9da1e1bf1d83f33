"""What tfvp needs of TensorFlow or JAX itself; `tfvp.backend` is the one that Keras runs on."""
