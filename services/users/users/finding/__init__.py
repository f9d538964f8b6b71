"""Finding: households by name and pinyin in a township, by exact number above it."""
