"""WeChat: accounts whose owners get subscription messages in the mini-program, beside the app."""
