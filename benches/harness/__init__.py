"""Parts of `benches/run`: the load, the peers, the report."""
