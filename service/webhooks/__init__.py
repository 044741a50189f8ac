"""Messages to endpoints of others: signed, kept until delivered, sent nowhere inside."""
