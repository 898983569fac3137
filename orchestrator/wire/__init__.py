"""The Assistant API on paper: names, limits, states, events and faults that both wings share. No I/O."""
