"""HTTP operations with proven phones."""

from users.proofs.api import new_passwords, phones, registrations, sign_ins

parts = (registrations, sign_ins, new_passwords, phones)
