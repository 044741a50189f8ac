"""What is shipped: demonstration prices, exchange rates, exports and events, each number with its source."""
