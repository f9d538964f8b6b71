"""What every service stands on: settings, database, outbox and inbox, events, HTTP, who may do what."""

import warnings

# Eventlet says at every import that it only gets bug fixes. We know, and keep it behind one border: chassis.events and the workers.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
