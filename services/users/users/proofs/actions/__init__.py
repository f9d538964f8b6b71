"""Actions with proven phones. Problems with a code are returned, not raised: the transaction that counts a try has to commit."""
