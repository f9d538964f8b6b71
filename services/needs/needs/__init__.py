"""What households ask for and what people pledge."""
