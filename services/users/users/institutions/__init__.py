"""Institutions: schools, clinics, hospitals and village committees in the register, which have needs too."""
