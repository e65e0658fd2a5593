"""The demonstration: two action plans of France over nine years, recorded by invented actors in invented texts."""
