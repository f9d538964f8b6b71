"""Self-reports: somebody in need tells their village by a QR code, without an account; the village visits and decides."""
