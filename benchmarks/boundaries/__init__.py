"""How many trials samplers need to map phases whose truth is known."""
