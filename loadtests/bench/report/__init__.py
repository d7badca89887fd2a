"""From results to documents: summary, page, plot and headline."""
