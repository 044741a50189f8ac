"""Events: dated policy and supply facts, their dummies and their estimated effects."""
