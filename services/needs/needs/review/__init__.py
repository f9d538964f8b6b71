"""Review: needs are verified, returned or rejected at the village or township, and above a value at the county too."""
