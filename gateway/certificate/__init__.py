"""The certificate of a final result as a document for the notice board."""
