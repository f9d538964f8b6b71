"""What is learnt from refusals: where a pledge should not go, what it is not meant for, and that it is to rest."""
