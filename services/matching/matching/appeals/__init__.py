"""Appeals: marks and reliability as people see them, and appeals against marks."""
