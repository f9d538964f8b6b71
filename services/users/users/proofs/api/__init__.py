"""HTTP operations with proven phones and e-mail addresses."""

from users.proofs.api import emails, new_passwords, phones, registrations, sign_ins

parts = (registrations, sign_ins, new_passwords, phones, emails)
