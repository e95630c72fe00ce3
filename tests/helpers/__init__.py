"""What the tests share: the expanded template, the stack in moto, handlers loaded as Lambda loads them."""
