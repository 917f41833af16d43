"""The study on a server: assigns questions, handles requests and stores answers in one SQLite file."""
