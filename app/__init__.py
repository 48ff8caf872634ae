"""The pipeline of social-dance events, its promotion to production and the web service."""
