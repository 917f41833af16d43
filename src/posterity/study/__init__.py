"""The user study: its questions, the page that asks them, the answers and their analysis."""
