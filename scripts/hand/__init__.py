"""A person's hand: makes a key, asks for a credential, signs and sends acts, checks what became
of them. It needs nothing but the address of a gateway."""
