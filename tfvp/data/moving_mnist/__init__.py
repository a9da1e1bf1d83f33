"""Moving MNIST: digits, their motion, and the files that others released."""
