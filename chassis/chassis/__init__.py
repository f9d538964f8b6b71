"""The chassis under every service: data, messaging, HTTP, operations, and real servers for tests."""

import warnings

# Eventlet warns at every import that it only gets bug fixes. It stays behind one border: `messaging` and the workers.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
