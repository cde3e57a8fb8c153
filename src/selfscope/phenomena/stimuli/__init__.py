"""Item pools: the texts, problems and words that phenomena ask about. No question is posed here."""
