"""The weights of the score: set by regions, versioned, never applied to what was proposed before."""
