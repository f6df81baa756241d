"""Who a customer is and how to reach and charge them. Owns the Customer stream; knows nothing of subscriptions or money."""
