"""From raw MIMIC-IV tables to the stays, events and objects of the study."""
