"""The user study: which questions, the page that asks them, the answers and what they say."""
