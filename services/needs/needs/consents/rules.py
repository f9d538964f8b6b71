"""The way of consent that waits for an answered SMS."""

BY_SMS = "sms_answer"
"""The household has to answer by SMS from its own telephone before the need is verified; `sms` only says that it did."""
