"""Erasing what people wrote and showed, once they are erased or the time for it is over."""
