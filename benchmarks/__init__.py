"""Speed and memory of the hot parts, each against a plain baseline."""
