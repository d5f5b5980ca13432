"""Contract-test classes and strategies that the library's own backends pass and third-party ones can subclass."""
