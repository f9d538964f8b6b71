"""Questions by SMS: which notices ask, whom, by which digits, and until when."""
