"""The study on a server: who is asked what, one SQLite file of answers, and the requests that bring them."""
