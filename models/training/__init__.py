"""What trains the models; nothing here is needed to use them."""
