"""What the benchmark measures: each module one question, asked of lanes or of our worker and viewers."""
